"""What the example's map says and where a delivered value comes from, as the commands print it; and both as pages."""

from __future__ import annotations

import sys
from asyncio.subprocess import PIPE, STDOUT, create_subprocess_exec

from waypost.testing.demo.stage import Stage
from waypost.testing.demo.teller import Teller

MAP, FLOW = "maps/sales_order.map.yaml", "sales-orders"
PRINTED = (("map", "show", MAP), ("lineage", FLOW, "--target", "erp/total"))
PAGES = (("map", "show", MAP, "--html", "--out", "mapping.html"), ("lineage", FLOW, "--svg", "lineage.svg"))


async def show_papers(stage: Stage, teller: Teller) -> bool:
    """Print the mapping document and the lineage of the orders' total, and write both as pages; whether that went."""
    teller.scene("The mapping document, and where the total of an order comes from")
    good = True
    for arguments in (*PRINTED, *PAGES):
        process = await create_subprocess_exec(
            sys.executable, "-m", "waypost.cli.main", *arguments, cwd=stage.folder, stdout=PIPE, stderr=STDOUT
        )
        said, _ = await process.communicate()
        good = good and process.returncode == 0
        if arguments in PRINTED or process.returncode != 0:
            teller.text(f"$ waypost {' '.join(arguments)}")
            for line in said.decode("utf-8", "replace").splitlines():
                teller.text(f"  {line}")
    teller.text(f"As pages: {stage.folder / 'mapping.html'} and {stage.folder / 'lineage.svg'}")
    return good
