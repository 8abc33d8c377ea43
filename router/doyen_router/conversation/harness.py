"""A turn without what programs put round a person's words: reminders, tool calls and results, listings, summaries.

Code agents send such text in *user* turns. It knows the usual marks by name and by the look of their names, leaves all
other markup and code alone, and changes nothing in a text that has none.
"""

from __future__ import annotations

import json
import re

from doyen_router.conversation.words import listed

# The person's own words, marked as such: what is round them is the program's.
_HUMAN = listed("user_query user_input user_message user_request user_question human_message")
# Round the person's words too, but people write these tags themselves: only the tag goes.
_WRAPPING = listed("task feedback answer command-args")
_HARNESS = listed("""
    INSTRUCTIONS user_instructions custom_instructions environment_context environment_details ide_context ide_selection
    ide_opened_file workspace_info workspace_context project_context project_layout additional_context additional_data
    file_contents attached_files open_files open_tabs current_file recently_viewed_files manually_added_selection
    repo_map bash-input command-name command-message tool_use tool_call tool_calls tool_result tool_results
    tool_response tool_output function_call function_calls function_result function_results function_response
    hook_result hook-output conversation_summary
""")
_HARNESS_ENDING = re.compile(r"[-_](?:reminder|caveat|std(?:out|err)|notification)$", re.IGNORECASE)
_TAG = re.compile(r"<(/?)([A-Za-z][\w:.-]{0,60})(?:\s[^<>]{0,400})?>")

# A line that a program wrote, whole.
_LINE = re.compile(
    r"""^[ \t]*(?:
    \[(?:request\ interrupted\ by\ user|system(?:\ note|\ message|\ reminder)?:|tool[\ _](?:use|call|result)|image\b)
      [^\]\n]*\]
    |caveat:\ the\ messages\ below\ were\ generated\ .*
    |\#\ *(?:agents|claude|gemini)\.md\ instructions\b.*
    |base\ directory\ for\ this\ skill:.*
    |contents\ of\ /\S*\ .*:
    |(?:tool|function)\ (?:result|output|response)s?(?:\ (?:for|of|from)\ \S+)?:[ \t]*(?:\n.*\S.*)*
    )[ \t]*$""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
# A turn that begins so is a program's from end to end.
_WHOLE = re.compile(
    r"^\s*(?:this session is being continued from a previous conversation|stop hook feedback:|tool_result:"
    r"|your task is to create a detailed summary of the conversation)",
    re.IGNORECASE,
)
_CALL_KEYS = listed("""
    tool_calls tool_call_id tool_use_id tool_call function_call tool_result tool_results tool_input toolUseId
    jsonrpc
""")
_CALL_TYPES = listed("tool_use tool_call tool_result function_call function_call_output function")
_JSON_START = re.compile(r"^[ \t]*(?=[\[{])", re.MULTILINE)
# Each try may read to the end of the text: more of them would let a crafted prompt cost seconds.
MOST_JSON_TRIES = 20
_EMPTY_FENCE = re.compile(r"```\w*\s*```")
_BLANK_LINES = re.compile(r"\n\s*\n\s*")


def human_text(text: str) -> str:
    """What a person said in a user turn; empty when nobody did. A text without any mark is only stripped of spaces."""
    text = text.strip()
    if _WHOLE.match(text):
        return ""
    without = _without_lines(_without_calls(_without_tags(text)))
    return text if without == text else _BLANK_LINES.sub("\n\n", _EMPTY_FENCE.sub("", without)).strip()


def is_harness_tag(name: str) -> bool:
    # Upper and lower case differ: agents send <INSTRUCTIONS>, people write prompts with <instructions>.
    return name in _HARNESS or _HARNESS_ENDING.search(name) is not None


def _without_tags(text: str) -> str:
    """Harness blocks leave; of human words marked as such only they stay. A tag that nothing closes is text."""
    if "</" not in text:
        return text
    opened: dict[str, list[tuple[int, int]]] = {}
    cuts: list[tuple[int, int]] = []
    human: list[tuple[int, int]] = []
    for tag in _TAG.finditer(text):
        name = tag[2]
        if not tag[1]:
            opened.setdefault(name, []).append(tag.span())
        elif opened.get(name):
            start, inner = opened[name].pop()
            if name in _HUMAN:
                human.append((inner, tag.start()))
            elif name in _WRAPPING:
                cuts += [(start, inner), tag.span()]
            elif is_harness_tag(name):
                cuts.append((start, tag.end()))
    if human:
        cuts += _outside(human, len(text))
    return _without(text, cuts)


def _outside(spans: list[tuple[int, int]], length: int) -> list[tuple[int, int]]:
    gaps: list[tuple[int, int]] = []
    end = 0
    for start, stop in sorted(spans):
        if start > end:
            gaps.append((end, start))
        end = max(end, stop)
    return [*gaps, (end, length)]


def _without(text: str, cuts: list[tuple[int, int]]) -> str:
    if not cuts:
        return text
    pieces = [text[start:stop] for start, stop in _outside(cuts, len(text))]
    return "\n".join(piece for piece in pieces if piece.strip())


def _without_calls(text: str) -> str:
    """JSON that only a program writes: tool calls and their results. Other JSON is what the user asks about."""
    if '"' not in text:
        return text
    cuts: list[tuple[int, int]] = []
    end = tries = 0
    for start in _JSON_START.finditer(text):
        if start.end() < end:
            continue
        tries += 1
        if tries > MOST_JSON_TRIES:
            break
        try:
            value, end = json.JSONDecoder().raw_decode(text, start.end())
        except (ValueError, RecursionError):
            continue
        if _is_call(value):
            cuts.append((start.start(), end))
    return _without(text, cuts)


def _is_call(value: object) -> bool:
    if isinstance(value, list):
        return bool(value) and all(_is_call(item) for item in value[:MOST_JSON_TRIES])
    return isinstance(value, dict) and (
        not _CALL_KEYS.isdisjoint(value)
        or (value.get("type") in _CALL_TYPES and len(value) > 1)
        or ("name" in value and "arguments" in value)
    )


def _without_lines(text: str) -> str:
    return _LINE.sub("", text)
