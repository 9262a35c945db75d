"""One template as a file: a pipeline with what a list of templates tells about it. Reading runs no code."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import Field, ValidationError

from cluster4npu.core import wording
from cluster4npu.core.errors import InputError, PipelineInvalid, Problem
from cluster4npu.core.files import read_whole
from cluster4npu.core.pipeline.bounds import MAX_FILE_BYTES
from cluster4npu.core.pipeline.config import PipelineConfig, Record
from cluster4npu.core.reasons import reason_of


class TemplateFile(Record):
    """One template's file. `try_out` tells what runs as long as no model was chosen."""

    title: str = Field(min_length=1, max_length=200)
    use_case: str = Field(max_length=400)
    model_needed: bool
    description: str = Field(max_length=4000)
    try_out: str = Field(default="", max_length=4000)
    pipeline: PipelineConfig = Field(repr=False)

    def text(self) -> str:
        """Return the file's text."""
        return json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def read(cls, path: Path) -> TemplateFile:
        """Read a template; raises InputError that says what is wrong with the file."""
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                raise _no_template(
                    path, f"{path.stat().st_size:,} bytes", f"at most {MAX_FILE_BYTES:,} bytes"
                )
            data = json.loads(read_whole(path, MAX_FILE_BYTES))
        except OSError as error:
            raise _no_template(path, reason_of(error)) from error
        except (ValueError, RecursionError) as error:
            raise _no_template(path, f"no JSON text: {str(error)[:200]}") from error
        if not isinstance(data, dict) or not isinstance(data.get("pipeline"), dict):
            raise _no_template(path, "no pipeline in it", "a file that `Share template` has written")
        try:
            pipeline = PipelineConfig.parse(json.dumps(data["pipeline"]), origin=path.name)
            return cls.model_validate({**data, "pipeline": pipeline})
        except PipelineInvalid as error:
            raise InputError(*error.problems) from error
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise _no_template(path, f"{where}: {wording.message(first)}") from error


def _no_template(path: Path, found: str, allowed: str = "") -> InputError:
    return InputError(
        Problem(
            "this is no template",
            field="template",
            found=f"{path.name}: {found}",
            allowed=allowed,
            hint="Choose a template file, or open a pipeline with Open.",
        )
    )
