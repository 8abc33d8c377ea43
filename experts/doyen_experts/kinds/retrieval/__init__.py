"""Kind `retrieval`: answers with the words of its own documents, cites them, and says so when they hold nothing."""

from doyen_experts.kinds.retrieval.expert import RetrievalConfig, RetrievalExpert, RetrievalKind

__all__ = ["RetrievalConfig", "RetrievalExpert", "RetrievalKind"]
