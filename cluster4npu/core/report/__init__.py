"""Reports of stored runs: Markdown, HTML, CSV and JSON, all from the same figures."""

from cluster4npu.core.report.generator import FORMATS, ReportGenerator
from cluster4npu.core.report.view import ReportView

__all__ = ["FORMATS", "ReportGenerator", "ReportView"]
