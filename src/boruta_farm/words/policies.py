"""In which order requests are served, in words."""

from boruta_farm.model.policies import FairShare, Policies
from boruta_farm.words.durations import duration


def order(policies: Policies) -> str:
    """Say in which order requests are served."""
    words = ["priority"]
    if policies.ageing is not None:
        words[0] = f"priority, one better for every {duration(policies.ageing)} of waiting"
    if policies.fair_share in (FairShare.GROUPS, FairShare.BOTH):
        words.append("least recent use by the owner's groups")
    if policies.fair_share in (FairShare.OWNERS, FairShare.BOTH):
        words.append("least recent use by the owner")
    return ", then ".join([*words, "order of filing"])
