"""The forms in which language models write a judge prompt: prose, lists, tables, rubrics, exceptions and steps."""

from blpo_inspect.world.optimizer.forms import Form

LABELS = (
    Form(
        before="You are a careful and consistent image reviewer. ",
        rule="Look at the whole image before you decide. Treat it as {label} if you can see {items}.",
        between="or",
        closing=" In all other cases it is {other}.",
    ),
    Form(
        rule="An image is {label} if at least one of the following is present:\n{items}",
        item="- {phrase}",
        closing="\n\nOtherwise, the image is {other}.",
    ),
    Form(
        before="You are an expert reviewer of images. ",
        rule="Criteria for {label}:\n{items}",
        item="{n}. The image contains {phrase}.",
        closing="\n\nIf none of these criteria is met, the image is {other}.",
    ),
    Form(
        before="## Task\n",
        opening="## Criteria\n",
        rule="An image is **{label}** if it contains **any** of these:\n{items}",
        item="- **{phrase}**",
        closing="\n\n## Important\n- Nothing else makes an image {label}.\n- Without any of these, it is **{other}**.",
    ),
    Form(
        opening="| The image contains | Verdict |\n| --- | --- |\n",
        rule="{items}",
        item="| {phrase} | {label} |",
        closing="\n| none of these | {other} |",
    ),
    Form(
        rule="An image is {label} if and only if it contains {items}.",
        between="or",
        closing=" Apart from that, {exceptions} do not make an image {label}. Nothing else makes it {label}.",
    ),
    Form(
        opening="Go through these steps in order:\n",
        rule="{items}",
        item="{n}. IF the image contains {phrase}, THEN it is {label}.",
        closing="\n\nELSE it is {other}.",
    ),
    Form(
        rule="An image is {other} as long as it contains {items}. "
        "As soon as one of these rules is broken, it is {label}.",
        item="no {bare}",
        between="and",
    ),
)
"""Rules that name labels: ``{label}``, ``{other}`` of two labels, and ``{exceptions}``, what comes near to the rule."""

POINTS = (
    Form(
        rule="Start at {best}. Subtract 1 for each of the following that is present, but do not go below {worst}:\n"
        "{items}",
        item="- {phrase}",
    ),
    Form(
        before="You are a strict but fair reviewer of images. ",
        rule="An image without any flaw deserves a {best}. Each of these flaws lowers the rating by one: {items}.",
        between="and",
        closing=" The rating never falls below {worst}.",
    ),
    Form(
        rule="Count how many of these faults the image has: {items}.",
        between=";",
        closing="\n\n{levels}",
    ),
    Form(
        opening="| Fault | Deduction |\n| --- | --- |\n",
        rule="{items}",
        item="| {phrase} | -1 |",
        closing="\n\nBegin with {best}, add up the deductions and do not go below {worst}.",
    ),
    Form(
        rule="Every image starts with {best} points and loses one point for {items}.",
        item="{phrase}",
        between="and",
        closing=" Apart from that, {exceptions} cost nothing. Nothing else lowers the rating.",
    ),
    Form(
        rule="Go through these steps in order, starting with a rating of {best}:\n{items}",
        item="{n}. IF the image contains {phrase}, THEN subtract 1.",
        closing="\n\nA rating that would be below {worst} is {worst}.",
    ),
    Form(
        before="## Task\n",
        opening="## Deductions\n",
        rule="Begin with **{best}** and take off **one point** for each of these:\n{items}",
        item="- **{phrase}**",
        closing="\n\n## Important\n- Nothing else costs a point.\n- The lowest rating is **{worst}**.",
    ),
    Form(
        before="You are an expert reviewer of images. ",
        rule="Faults, each of which costs one of the {best} points:\n{items}",
        item="{n}. The image contains {phrase}.",
        closing="\n\nIf there are more faults than points, the rating is {worst}.",
    ),
)
"""Rules that cost points: ``{best}``, ``{worst}``, ``{levels}``, a line for each mark, and ``{exceptions}``."""

ASPECTS = (
    Form(
        before="You are a careful reviewer of images and texts. ",
        rule="Compare the text with the image by {items}, and by nothing else.",
        item="its {phrase}",
        between="and",
        closing=" A difference in {ignored} does not make it a mismatch.",
    ),
    Form(
        rule="All of these must agree between image and text:\n{items}",
        item="- the {phrase}",
        closing="\n\nIt does not matter whether these agree:\n{ignored_lines}",
    ),
    Form(
        rule="Criteria for a match:\n{items}",
        item="{n}. The {phrase} in the image is the one in the text.",
        closing="\n\nDo not take the {ignored} into account.",
    ),
    Form(
        before="## Task\n",
        opening="## Criteria\n",
        rule="**What counts**\n{items}",
        item="- **{phrase}**",
        closing="\n\n**What does not count**\n{ignored_lines}",
    ),
    Form(
        opening="| Aspect | Has to agree |\n| --- | --- |\n",
        rule="{items}",
        item="| {phrase} | yes |",
        closing="\n{ignored_rows}",
    ),
    Form(
        rule="It is a mismatch if the text is wrong about {items}.",
        item="the {phrase}",
        between="or",
        closing=" Another {ignored_or} than the text says is no mismatch. Nothing else counts against it.",
    ),
    Form(
        opening="Go through these steps in order:\n",
        rule="{items}",
        item="{n}. IF the {phrase} differs, THEN text and image do not match.",
        closing="\n\nELSE they match, whatever the {ignored} may be.",
    ),
)
"""Rules about what a text must match: ``{ignored}`` in several forms is what it need not match."""
