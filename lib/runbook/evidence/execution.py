"""Execute the cells of a notebook with papermill, in a kernel of this tool's own.

The kernel, not this process, works in the notebook's folder (nbclient's `resources`): papermill's `cwd=` changes the
directory of the whole process, which is not thread-safe; one process per notebook would cost half a second more.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from runbook.evidence.folder import write_bytes
from runbook.evidence.kernel import require_own
from runbook.evidence.redaction import Redactor

_MAX_STDERR = 500  # characters shown of a dead kernel's stderr


def execute(
    notebook: Path,
    running: Path,
    parameters: dict[str, Any],
    timeout: float | None,
    on_cell: Callable[[int, int], None] | None,
    env: Mapping[str, str] | None,
    redactor: Redactor,
) -> None:
    """Execute a notebook into `running`, which is saved after each cell. Raises what a cell, or its kernel, raised.

    Raises SettingError, before any cell, for a kernel that is not this tool's own.
    """
    import nbformat
    import papermill  # type: ignore[import-untyped]  # 0.18 s
    from jupyter_client.manager import AsyncKernelManager
    from nbclient.exceptions import DeadKernelError
    from papermill.engines import NBClientEngine, papermill_engines  # type: ignore[import-untyped]
    from traitlets.config import Config

    busy = False

    class Kernels(AsyncKernelManager):
        async def start_kernel(self, **options: Any) -> None:  # type: ignore[override]
            options["env"] = {**os.environ, **(env or {})}
            options["stderr"] = stderr
            await super().start_kernel(**options)
            client = self.client()
            client.start_channels()
            try:
                await require_own(client, self.kernel_name)
            except BaseException:
                await super().shutdown_kernel(now=True)
                raise
            finally:
                client.stop_channels()

        async def shutdown_kernel(self, now: bool = False, restart: bool = False) -> None:  # type: ignore[override]
            # jupyter_client interrupts first, so that a busy kernel reacts. An idle kernel logs that as an error.
            if busy or now or restart:
                await super().shutdown_kernel(now=now, restart=restart)
                return
            self.shutting_down = True
            self.stop_restarter()
            await self.request_shutdown()
            await self.finish_shutdown()
            await self.cleanup_resources()

    class Engine(NBClientEngine):  # type: ignore[misc]
        @classmethod
        def execute_managed_notebook(cls, manager: Any, kernel_name: str, **options: Any) -> None:
            complete = manager.cell_complete

            def redacted_save() -> None:
                # Also used for autosaves during a cell: no secret reaches the disk.
                # Atomic: papermill's own save truncates the file first, and a kill would leave half of it.
                redactor.redact_outputs(manager.nb)
                write_bytes(running, nbformat.writes(manager.nb).encode())  # type: ignore[no-untyped-call]
                manager.last_save_time = manager.now()

            def report_complete(cell: Any, cell_index: int | None = None, **kwargs: Any) -> None:
                nonlocal busy
                busy = sys.exc_info()[0] is not None  # a time-out or Ctrl-C is being raised: the cell still runs
                complete(cell, cell_index=cell_index, **kwargs)
                if on_cell is not None:
                    on_cell((cell_index or 0) + 1, len(manager.nb.cells))

            manager.save, manager.cell_complete = redacted_save, report_complete
            super().execute_managed_notebook(manager, kernel_name, **options)

    engine = f"runbook {running}"  # of this call: the registry is shared by all threads
    papermill_engines.register(engine, Engine)
    # The kernel's stderr is not shown in the terminal, only in the error if the kernel dies.
    with tempfile.TemporaryFile() as stderr, tempfile.TemporaryDirectory() as sockets, _closing_loop():
        # Over sockets in a folder that only this user can read: no port to fight for, nobody else who could connect.
        kernel = {"transport": "ipc", "connection_file": str(Path(sockets) / "kernel.json")}
        try:
            papermill.execute_notebook(
                str(notebook),
                str(running),
                parameters=parameters,
                engine_name=engine,
                progress_bar=False,
                execution_timeout=timeout,
                coalesce_streams=True,  # a progress bar is one output, not one per flush
                resources={"metadata": {"path": str(notebook.parent)}},
                kernel_manager_class=Kernels,
                config=Config({"KernelManager": kernel}),
            )
        except (DeadKernelError, RuntimeError) as died:
            stderr.seek(0)
            if output := stderr.read().decode(errors="replace").strip():
                died.add_note(f"; stderr: {' '.join(output[-_MAX_STDERR:].split())}")
            raise
        finally:
            papermill_engines._engines.pop(engine)


@contextlib.contextmanager
def _closing_loop() -> Iterator[None]:
    """nbclient leaves its event loop open; here each notebook has its own loop, which is closed."""
    from jupyter_core.utils import ensure_event_loop

    loop = ensure_event_loop()
    # What nbclient logs is raised as well; without this it would be shown twice.
    logging.getLogger("papermill").addHandler(logging.NullHandler())
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        loop.set_exception_handler(lambda *_: None)  # nothing handles the errors of cancelled tasks
        raise
    finally:
        if not loop.is_running():
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()
