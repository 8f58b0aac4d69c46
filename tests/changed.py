"""One module of ours imported as another text or tree of it: how bugs are planted in a process."""

import ast
import importlib.machinery
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType


class ChangedModule(importlib.machinery.SourceFileLoader):
    """Import one module by what is given in place of its file; put it into ``sys.meta_path``."""

    def __init__(self, name: str, path: Path, source: str | ast.Module) -> None:
        super().__init__(name, str(path))
        self._source = source

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self.path, loader=self)

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._source, self.path, "exec", dont_inherit=True)
