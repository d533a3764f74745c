"""Reads /metrics as Prometheus does: well formed each time, and no counter of one life goes back."""
# SPDX-License-Identifier: MIT
from actor import Actor
from exposition import parse, promtool


class Scrapes(Actor):
    name = "scrapes"

    def __init__(self, *args):
        super().__init__(*args)
        self.life, self.counters = 0, {}

    def turn(self):
        life = self.host.lives
        text = self.ask("scrape", "GET", "/metrics").body.decode()
        try:
            families = parse(text)
            promtool("metrics", text=text)
        except AssertionError as error:
            self.record.violation("metrics are well formed", str(error))
            return
        counters = {series: value for family in families.values() if family.type != "gauge"
                    for series, value in family.samples.items()}
        if life == self.life == self.host.lives:
            self.compare(counters)
        self.life, self.counters = life if life == self.host.lives else 0, counters
        self.pause(0.3, 1.2)

    def compare(self, counters):
        """A series may end with its limit; one that is there counts on."""
        for series, before in self.counters.items():
            if counters.get(series, before) < before:
                self.record.violation("no counter of one life goes back",
                                      f"{series} from {before} to {counters[series]}")
