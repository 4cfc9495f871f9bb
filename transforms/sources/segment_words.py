"""What each event of Segment's specifications is, by its name."""

from __future__ import annotations

# By stream and canonical type. Names begin with a dot, which no bare name has, where the kind of
# call says it all. In any spelling; Segment's first e-commerce
# specification had the words the other way round.
EVENTS: dict[str, dict[str, tuple[str, ...]]] = {
    "clicks": {
        "page_view": (
            ".page", ".screen", "Product List Viewed", "Viewed Product Category",
            "Product List Filtered", "Promotion Viewed", "Viewed Promotion", "Promotion Clicked",
            "Clicked Promotion", "Product Clicked", "Clicked Product", "Cart Viewed",
            "Viewed Cart", "Checkout Step Viewed", "Viewed Checkout Step", "Coupon Applied",
            "Coupon Removed", "Product Removed from Wishlist",
        ),
        "product_view": ("Product Viewed", "Viewed Product", "Product Added to Wishlist"),
        "search": ("Products Searched", "Product Searched", "Searched Products"),
        "add_to_cart": ("Product Added", "Added Product", "Wishlist Product Added to Cart"),
        "remove_from_cart": ("Product Removed", "Removed Product"),
        "checkout_start": ("Checkout Started", "Started Checkout", "Started Order"),
        "form_start": ("Form Started",),
        "form_submit": (
            "Form Submitted", "Checkout Step Completed", "Completed Checkout Step",
            "Payment Info Entered", "Entered Payment Info", "Coupon Entered",
        ),
        "login": ("Signed In",),
        "signup": ("Signed Up", "Account Created"),
        "app_install": ("Application Installed",),
        "app_open": ("Application Opened", "Application Foregrounded", "Deep Link Opened"),
        "review_submitted": ("Product Reviewed",),
        "shared": ("Product Shared", "Cart Shared"),
        "error_shown": ("Application Crashed", "Coupon Denied"),
    },
    "purchases": {
        "order_placed": ("Order Completed", "Completed Order", "Order Updated", "Updated Order"),
        "order_paid": ("Order Paid",),
        "order_shipped": ("Order Shipped", "Order Fulfilled"),
        "order_delivered": ("Order Delivered",),
        "order_cancelled": ("Order Cancelled", "Order Canceled", "Cancelled Order"),
        "order_returned": ("Order Returned",),
        "order_refunded": ("Order Refunded", "Refunded Order"),
    },
    "messages": {},
    "profiles": {
        "attribute_set": (".identify", ".group", ".alias"),
        "consent": ("Segment Consent Preference Updated",),
    },
    "service": {
        "contact_opened": ("Live Chat Conversation Started",),
        "contact_closed": ("Live Chat Conversation Ended",),
    },
}  # fmt: skip
# Who sends messages says the channel first: Email Opened, SMS Link Clicked.
CHANNELS = {
    "email": ("Email",), "sms": ("SMS",), "push": ("Push Notification", "Push"),
    "in_app": ("In-App Message", "In-App"),
}  # fmt: skip
VERBS = {
    "sent": ("Sent",), "delivered": ("Delivered",), "opened": ("Opened", "Viewed"),
    "clicked": ("Link Clicked", "Clicked", "Tapped"), "bounced": ("Bounced",),
    "complained": ("Marked as Spam",), "unsubscribed": ("Unsubscribed",),
    "failed": ("Failed", "Dropped"), "subscribed": ("Subscribed", "Resubscribed", "Opted In"),
}  # fmt: skip
# Names that say no channel: `channel` of the properties does.
UNNAMED = {"unsubscribed": ("Unsubscribed", "Unsubscribe"),
           # Not "Subscribed" alone: that may be to a plan, and its channel how somebody came.
           "subscribed": ("Resubscribed", "Opted In")}  # fmt: skip
# What a name that no specification has closes a channel by, as it is compared, and which: by what
# else it says. One that says none closes all.
CLOSING = "unsubscribed|optedout|(unsubscribe|optout)$"
CLOSED_BY_NAME = {
    "email": "email|newsletter|mailinglist", "sms": "sms|textmessage", "push": "push",
    "in_app": "inapp",
}  # fmt: skip
MORE = {
    ("push", "delivered"): ("Push Notification Received",),
}
# Of the specifications, but nothing that a rule could use: most apps send them by themselves.
NOT_OF_USE = (
    "Application Backgrounded", "Application Updated", "Application Uninstalled",
    "Install Attributed", "Deep Link Clicked", "Live Chat Message Sent",
    "Live Chat Message Received", "Signed Out", "Experiment Viewed",
)  # fmt: skip


def _of_messages() -> dict[str, dict[str, tuple[str, ...]]]:
    """The names of events of messages, by type and channel."""
    return {
        type_: {
            channel: (
                *(f"{noun} {verb}" for noun in nouns for verb in verbs),
                *MORE.get((channel, type_), ()),
            )
            for channel, nouns in CHANNELS.items()
        }
        for type_, verbs in VERBS.items()
    }


MESSAGES = _of_messages()
EVENTS["messages"] = {
    type_: (*(name for names in by_channel.values() for name in names), *UNNAMED.get(type_, ()))
    for type_, by_channel in MESSAGES.items()
}
SPELLINGS = sorted(
    {
        *NOT_OF_USE,
        *(name for types in EVENTS.values() for names in types.values() for name in names),
    }
)


def bare(name: str) -> str:
    """A name as it is compared."""
    return name.lower().replace(" ", "").replace("-", "")


def words_of(stream: str) -> dict[str, str]:
    """The type of each name of a stream's events."""
    return {bare(n): type_ for type_, names in EVENTS[stream].items() for n in names}
