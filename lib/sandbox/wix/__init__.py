"""The Wix Data side of the sandbox."""

from sandbox.wix.loading import SiteError
from sandbox.wix.service import WixService

__all__ = ["SiteError", "WixService"]
