"""What of a conversation is read for routing.

>>> from doyen_router.conversation import Turn, read
>>> talk = [Turn("user", "How is the weather in Paris?"), Turn("assistant", "Sunny."), Turn("user", "and in Berlin?")]
>>> read(talk).text
'and in Berlin?\\nHow is the weather in Paris?'
"""

from doyen_router.conversation.dependence import Dependence
from doyen_router.conversation.harness import human_text
from doyen_router.conversation.reading import Part, Reading, Turn, read, shortened

__all__ = ["Dependence", "Part", "Reading", "Turn", "human_text", "read", "shortened"]
