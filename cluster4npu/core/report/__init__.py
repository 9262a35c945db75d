"""Reports of stored runs: HTML, PDF, Markdown, CSV and JSON, all from the same figures."""

from cluster4npu.core.report.executive import Costs
from cluster4npu.core.report.generator import FORMATS, ReportGenerator
from cluster4npu.core.report.view import ReportView

__all__ = ["FORMATS", "Costs", "ReportGenerator", "ReportView"]
