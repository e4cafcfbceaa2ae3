"""Route by labels: links of the pipeline deliver only events whose labels match."""

import json

from vast.dataengine.sdk import VastEvent


def init(ctx):
    pass


def handler(ctx, event: VastEvent):
    order = json.loads(event.get_data()["message"])
    labels = {}
    if order.get("customer", {}).get("tier") == "VIP":
        labels["tier"] = "vip_customer"
    event.set_trigger_labels(labels or {"noRoute": "skip"})
    if order.get("amount", 0) >= 1000:
        event.set_trigger_labels({"value_tier": "high_value"})
    return order
