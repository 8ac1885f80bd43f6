"""Every type of problem (RFC 9457), in one table: its statuses, its constant title, and what to do about it.

`docs/problems.md` and the pages under `/problems/` show this table, and the contract documents every row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

TYPE_PREFIX: Final = "urn:consent-ledger:problem:"
QUOTA_EXCEEDED: Final = "https://iana.org/assignments/http-problem-types#quota-exceeded"
"""The type that the RateLimit draft registers; it stands in place of one of ours."""


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One row. `statuses`: mostly one; 400 and 422 where a field can be misshapen or merely not acceptable.

    `meaning` says when it comes, `remedy` what the caller does.
    """

    slug: str
    statuses: tuple[int, ...]
    title: str
    meaning: str
    remedy: str

    @property
    def type(self) -> str:
        """The URI that stands in `type`."""
        return QUOTA_EXCEEDED if self.slug == "quota-exceeded" else TYPE_PREFIX + self.slug

    @property
    def status(self) -> int:
        """The status where nothing says otherwise."""
        return self.statuses[-1]


_SHAPE_OR_SENSE: Final = (400, 422)
_AGAIN: Final = "Send it again, with the same ids, after `Retry-After`. Until an answer comes, do not send."

_ROWS: Final = (
    ProblemType(
        "malformed-request",
        (400,),
        "The request cannot be understood",
        "The body is not the strict JSON that is read here (RFC 8259, no duplicate keys, no NaN, whole "
        "numbers up to 2^53 - 1, 16 levels), the path holds what is no character, or the body was cut off.",
        "Correct the request; the same bytes will fail again.",
    ),
    ProblemType(
        "validation",
        _SHAPE_OR_SENSE,
        "The request was refused",
        "A field or a parameter is missing, unknown, of another type, or outside its range.",
        "`errors` names the field by its JSON pointer.",
    ),
    ProblemType(
        "address",
        _SHAPE_OR_SENSE,
        "The address cannot be used",
        "The address is not one, or would have to be guessed: no domain, a number without its country.",
        "Ask for the address again; do not send to it.",
    ),
    ProblemType(
        "event",
        _SHAPE_OR_SENSE,
        "The event was refused",
        "400: a type or field outside the vocabulary. 422: well formed, yet something it names is not known "
        "here (a sender, a form), or it is dated before 1990 or in the future.",
        "`errors` names the field. Register what is missing, then send the event again.",
    ),
    ProblemType(
        "question",
        _SHAPE_OR_SENSE,
        "The question cannot be answered",
        "400: a field outside the vocabulary. 422: a sender, category or position that is not known here.",
        "`errors` names the field. Until it is answered, do not send.",
    ),
    ProblemType(
        "form",
        _SHAPE_OR_SENSE,
        "The form was refused",
        "The form does not say what was shown.",
        "`errors` names the field.",
    ),
    ProblemType(
        "rulebook",
        _SHAPE_OR_SENSE,
        "The rulebook was refused",
        "It contradicts itself, the registered senders or a statute. The one in force stays in force.",
        "`errors` names the field.",
    ),
    ProblemType(
        "nothing-chosen",
        (400,),
        "Nothing was changed",
        "A POST to an unsubscribe link that names none of its buttons.",
        "Send the form `List-Unsubscribe=One-Click` (RFC 8058).",
    ),
    ProblemType(
        "idempotency-key-invalid",
        (400,),
        "The Idempotency-Key is not one",
        "It is empty, longer than 255 characters, or holds others than visible ASCII.",
        "Send a fresh UUID in quotation marks.",
    ),
    ProblemType(
        "idempotency-key-not-for-streams",
        (400,),
        "A stream has no Idempotency-Key",
        "A stream of lines is not kept; each line has a `source_event_id`, which does the same for ever.",
        "Leave the header out.",
    ),
    ProblemType(
        "unauthenticated",
        (401,),
        "A valid API key or access token is needed",
        "There is no credential, or one that is unknown, expired or revoked. `WWW-Authenticate` says which.",
        "Send `Authorization: Bearer …` with a live credential.",
    ),
    ProblemType(
        "insufficient-scope",
        (403,),
        "The credential may not do this",
        "The credential is live and lacks the scope that `WWW-Authenticate` names.",
        "Use a credential that has the scope.",
    ),
    ProblemType(
        "not-found",
        (404,),
        "There is no such thing here",
        "No such path, or no such thing in the caller's ledger. What belongs to others looks the same.",
        "Look at the id, and at the path.",
    ),
    ProblemType(
        "gone",
        (410,),
        "This is not handed out any more",
        "The export expired, or somebody was erased since it was made.",
        "Ask for another export.",
    ),
    ProblemType(
        "range",
        (416,),
        "There are no such bytes",
        "The `Range` begins behind the end of the export; `Content-Range` says how long it is.",
        "Ask for a range within it, or for the whole.",
    ),
    ProblemType(
        "unknown-link",
        (404,),
        "This link does not work",
        "The token of an unsubscribe link was cut off, changed, or made elsewhere. Nothing was changed.",
        "Use the whole link of the message, or answer the message.",
    ),
    ProblemType(
        "method-not-allowed",
        (405,),
        "This method is not allowed here",
        "The path exists and does not know this method; `Allow` lists those it knows.",
        "Use one of them.",
    ),
    ProblemType(
        "not-acceptable",
        (406,),
        "There is no answer of the kind that Accept asks for",
        "Only where nothing is written: what writes answers in its own type whatever `Accept` says, because "
        "something recorded and not answered would be worse.",
        "Ask for the media type that `detail` names, or leave `Accept` out.",
    ),
    ProblemType(
        "request-timeout",
        (408,),
        "The request did not arrive in time",
        "Its head or body came more slowly than is waited for. The connection is closed.",
        "Send it again on a new connection.",
    ),
    ProblemType(
        "source-event-id-reused",
        (409,),
        "This source_event_id belongs to another event",
        "An event of this id was recorded before, and says something else. Nothing was recorded.",
        "Give the new event an id of its own.",
    ),
    ProblemType(
        "idempotency-in-flight",
        (409,),
        "A request with this Idempotency-Key is under way",
        "The first request with this key has not been answered yet.",
        "Ask again after `Retry-After`; the answer will be that of the first.",
    ),
    ProblemType(
        "too-many-keys",
        (409,),
        "This client has two live keys",
        "A client (a label) has at most two live keys: the present one and the next.",
        "Revoke one first.",
    ),
    ProblemType(
        "state",
        (409,),
        "This is not possible in its present state",
        "A webhook that is paused, pending or in the middle of something cannot do what was asked.",
        "Read the subscription: `status` and `replaying` say what it does now.",
    ),
    ProblemType(
        "not-audited",
        (409,),
        "This is not vouched for yet",
        "An erasure reaches only what was audited (or witnessed, or timestamped) since it was recorded, so "
        "that nothing can be erased before anybody could have seen it.",
        "Let the operator run `consent-ledger audit`, then erase. Until then record an `erasure_requested` "
        "event: it blocks the address at once.",
    ),
    ProblemType(
        "content-too-large",
        (413,),
        "The body is larger than is read here",
        "The body, or one line of a stream, is over its limit (see the table of limits).",
        "Send less at a time; streams of lines have no limit as a whole.",
    ),
    ProblemType(
        "too-many-items",
        (413,),
        "A list has 1 to 1,000 items",
        "A JSON batch with no items, or with more than 1,000.",
        "Send more as NDJSON, which has no limit.",
    ),
    ProblemType(
        "uri-too-long",
        (414,),
        "The URL is longer than is read here",
        "The URL has more than 4,096 bytes.",
        "Shorten it.",
    ),
    ProblemType(
        "unsupported-media-type",
        (415,),
        "This kind of body is not read here",
        "The `Content-Type` is missing or another one, or the body is compressed.",
        "Send `application/json`, or `application/x-ndjson` where lines are read, uncompressed.",
    ),
    ProblemType(
        "idempotency-key-reused",
        (422,),
        "This Idempotency-Key belongs to a request with another body",
        "The key was used before for another request. Nothing was done.",
        "Use a fresh key for every new request.",
    ),
    ProblemType(
        "quota-exceeded",
        (429,),
        "The quota of this credential is used up",
        "Requests of the minute, or different addresses of the day; `violated-policies` says which.",
        "Come back after `Retry-After`. A no (a withdrawal, an objection) is taken all the same.",
    ),
    ProblemType(
        "too-many-streams",
        (429,),
        "This key has too many open streams",
        "A credential may hold 100 streams open at a time.",
        "Close one first.",
    ),
    ProblemType(
        "request-header-fields-too-large",
        (431,),
        "The head of the request is larger than is read here",
        "More than 100 header fields, or more than 32,768 bytes of them.",
        "Send fewer and shorter ones.",
    ),
    ProblemType(
        "internal",
        (500,),
        "Something went wrong here",
        "A fault of the service; the operator finds it in the log by `request_id`.",
        "Tell the operator the `request_id`. Until an answer comes, do not send.",
    ),
    ProblemType(
        "temporarily-unavailable",
        (503,),
        "Try again with the same ids",
        "The database is away, or the service is stopping. Nothing was recorded, or `detail` says that it is "
        "unknown.",
        _AGAIN,
    ),
    ProblemType(
        "overloaded",
        (503,),
        "More is waiting to be written than can be written soon",
        "Writes are shed early so that checks go on being answered. A no is still taken.",
        _AGAIN,
    ),
    ProblemType(
        "ledger-stopped",
        (503,),
        "The ledger has stopped itself; its operator must look",
        "The database does not extend what was signed. Nothing will be signed until a person has looked.",
        "Do not send, and call the operator.",
    ),
)
PROBLEM_TYPES: Final[Mapping[str, ProblemType]] = {row.slug: row for row in _ROWS}

BY_STATUS: Final[Mapping[int, str]] = {
    400: "malformed-request",
    401: "unauthenticated",
    403: "insufficient-scope",
    404: "not-found",
    405: "method-not-allowed",
    408: "request-timeout",
    413: "content-too-large",
    414: "uri-too-long",
    415: "unsupported-media-type",
    431: "request-header-fields-too-large",
}
"""What a refusal is that has a status and nothing else: of the framework, and before there is a request."""
