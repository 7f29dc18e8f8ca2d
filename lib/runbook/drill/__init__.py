"""The way back rehearsed on a copy in the sandbox: forth, writes on all sides, back, forth again, all compared."""
