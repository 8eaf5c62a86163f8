"""What to do where records cannot be used, by what is wrong with them."""

from __future__ import annotations

ASK_THE_TEACHER = (
    "a router's answer is not the teacher's: write traces that hold what the teacher answered, and nothing of a decision, and "
    "leave out requests that it was not asked; the log of ts.deploy or of 'serve' is read by the format 'decisions'"
)
DIGESTS = (
    "these lines hold digests of texts, which no router can route again and nothing can learn from: 'deploy(..., texts=True)' "
    "logs texts; what the router decided is in the lines, and 'tracer-spec monitor BUNDLE LOG' counts its agreement on audited "
    "rows, its coverage and the drift of its scores"
)
JOIN_THE_PARTS = (
    "where the text is an object, join its parts, as "
    "'traces.format: {preset: native, text: \"join('\\n', [input.subject, input.body])\"}'; where it is anything else, these "
    "are likely records of another format: 'tracer-spec init --traces FILE' finds out which"
)
ONE_LABEL = (
    "a router gives one label: ask the teacher for one, or take one of a list by its place, as 'json:labels.0' does"
)
LOOK_AT_EXTRACT = "look at 'traces.extract': it says how a text is taken out of its prompt"
LOOK_AT_THE_VECTOR = (
    "look at the column that the embedder's options name, or at 'traces.format.embedding': it says where the vector lies in "
    "a record"
)
LOOK_AT_THE_TEACHER = (
    "look at 'traces.teacher': it names the models whose answers count, and these records name another, or none"
)
LOOK_AT_THE_FORMAT = (
    "look at 'traces.format': it says where text and label lie inside a record; 'tracer-spec init --traces FILE' finds out "
    "where that is"
)
LOG_THE_CONTENT = (
    "tools log what was said in a call only where they are told to: OpenTelemetry by "
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT, LiteLLM's table by 'store_prompts_in_spend_logs', Helicone's export "
    "by '--include-body'; the calls made since then can be read"
)
LOOK_AT_THE_SOURCE = "look at 'traces.use' and 'traces.with': they say which source reads, and what"
SAVE_AS_UTF8 = "save it as UTF-8: JSON has no other encoding"
