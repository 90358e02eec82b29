"""Messages to a shop, of a wanted topic: the words of the demo's data.

A message asks for one thing, and may say besides that something else is fine. What it asks for is
its topic, whatever else it mentions. ``with_subject`` puts the subject before it that a customer
chose from a list.
"""

from dataclasses import dataclass
from random import Random
from typing import Literal

Topic = Literal["account", "billing", "delivery", "repair"]
TOPICS: tuple[Topic, ...] = ("account", "billing", "delivery", "repair")

_THINGS = (
    *("phone", "laptop", "printer", "camera", "lamp", "kettle", "watch", "radio"),
    *("drill", "heater", "toaster", "router", "speaker", "scale", "fan", "mixer"),
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_REQUESTS: dict[Topic, tuple[str, ...]] = {
    "account": (
        "I cannot sign in since {day}",
        "the password reset mail of {day} never reached me",
        "I want to close my profile on {day}",
        "please change the email address I log in with before {day}",
        "someone else used my login on {day}",
        "the site says since {day} that my user name is unknown",
        "I would like to change my name in your system",
        "your app logs me out every {day}",
        "I have two profiles and want to keep one",
        "the security code of {day} is not accepted",
        "I cannot confirm my address for the newsletter",
        "please delete all you know about me",
        "my profile shows the wrong birthday since {day}",
        "I do not know how to switch on the second factor",
        "I am locked out since three attempts on {day}",
    ),
    "billing": (
        "I was charged twice for the {thing}",
        "the invoice for the {thing} is wrong",
        "I am waiting for my refund for the {thing}",
        "the discount was not taken off on {day}",
        "my card was debited on {day} without an order",
        "please send me a receipt for the {thing}",
        "the price of the {thing} differs from the offer",
        "I want to pay for the {thing} in instalments",
        "the tax on my bill seems too high",
        "you took the money before {day}",
        "the voucher did not lower the price of the {thing}",
        "the transfer for the {thing} came back to my bank",
        "I was billed for a {thing} that I never bought",
        "there is a fee on my statement that I do not understand",
        "the amount due for the {thing} is too high",
    ),
    "delivery": (
        "the {thing} has not arrived yet",
        "the parcel with the {thing} went to my neighbour",
        "the courier did not come on {day}",
        "the tracking page has stood still since {day}",
        "please ship the {thing} to my office",
        "half of the order of {day} is missing from the box",
        "the driver left the {thing} in the rain",
        "please send the {thing} before {day}",
        "the package with the {thing} came to the wrong street",
        "I got a {thing} that was meant for somebody else",
        "the {thing} is still in your warehouse",
        "customs has held my parcel since {day}",
        "I need to know when the van comes on {day}",
        "I will not be home on {day} to take the box",
        "the shipment of the {thing} is a week late",
    ),
    "repair": (
        "the {thing} does not switch on",
        "the {thing} broke on {day}",
        "the {thing} makes a strange noise",
        "the cable of the {thing} is torn",
        "the {thing} gets too hot",
        "a button on the {thing} is stuck",
        "the {thing} stops after five minutes",
        "the {thing} has a crack",
        "smoke came out of the {thing} on {day}",
        "the {thing} needs a new battery",
        "the lid of the {thing} does not close",
        "the {thing} smells of burnt plastic",
        "water got into the {thing}",
        "the light on the {thing} blinks red",
        "a screw fell out of the {thing}",
    ),
}
_FINE: dict[Topic, tuple[str, ...]] = {
    "account": (
        "signing in works",
        "my password is fine",
        "my profile is in order",
        "I can log in again",
    ),
    "billing": (
        "the payment went through",
        "the invoice was right",
        "I have paid the bill",
        "the refund is here",
    ),
    "delivery": (
        "the parcel came on time",
        "the courier was quick",
        "the box arrived on {day}",
        "shipping was fast",
    ),
    "repair": (
        "the {thing} works well",
        "nothing is broken",
        "the {thing} runs again",
        "the {thing} is in good shape",
    ),
}
_JOINED = (
    "{fine}, but {request}",
    "{request}, although {fine}",
    "{request}; {fine}",
    "{fine}; all the same, {request}",
)
# How often a message mentions a second topic. Those are learnt later than the others.
_SECOND_TOPIC_RATE = 0.9


@dataclass(frozen=True)
class Message:
    """What a customer wrote, and the truth about it.

    Attributes:
        text: One sentence.
        topic: What it asks for.
        mentions: How many topics it mentions: ``one topic`` or ``two topics``.
    """

    text: str
    topic: Topic
    mentions: str


def make_message(rng: Random, topic: Topic) -> Message:
    """A message that asks for something of a topic."""
    text, mentions = _filled(rng, _REQUESTS[topic]), "one topic"
    if rng.random() < _SECOND_TOPIC_RATE:
        other = rng.choice([one for one in TOPICS if one != topic])
        fine = _filled(rng, _FINE[other])
        text, mentions = rng.choice(_JOINED).format(fine=fine, request=text), "two topics"
    return Message(f"{text[0].upper()}{text[1:]}.", topic, mentions)


def with_subject(message: str, subject: Topic | None) -> str:
    """A message after the subject that its sender chose; None: no subject."""
    return message if subject is None else f"{subject.capitalize()}: {message}"


def _filled(rng: Random, phrases: tuple[str, ...]) -> str:
    return rng.choice(phrases).format(thing=rng.choice(_THINGS), day=rng.choice(_DAYS))
