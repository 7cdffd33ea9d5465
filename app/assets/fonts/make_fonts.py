"""Cuts the two weights of Inter that the front end draws with: `python make_fonts.py Inter-roman.var.ttf FOLDER` (Inter 3.19 as Debian packs it, fontTools 4.68).

The digits become the tabular ones, because egui applies no OpenType features and numbers that change must keep their width.
"""
import sys
from fontTools import subset
from fontTools.ttLib import TTFont
from fontTools.varLib import instancer

source, folder = sys.argv[1:3]
RANGES = [(0x20, 0x17F), (0x192, 0x192), (0x218, 0x21B), (0x2B0, 0x2FF), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x45F), (0x490, 0x491), (0x1E00, 0x1EFF), (0x2000, 0x206F),
          (0x2070, 0x209F), (0x20A0, 0x20BF), (0x2100, 0x214F), (0x2150, 0x218F), (0x2190, 0x21FF), (0x2200, 0x22FF), (0x25A0, 0x25FF)]
for name, weight in [("Regular", 430), ("SemiBold", 600)]:
    font = TTFont(source)
    axes = {axis.axisTag for axis in font["fvar"].axes}
    place = {"wght": weight} | ({"slnt": 0} if "slnt" in axes else {}) | ({"ital": 0} if "ital" in axes else {})
    font = instancer.instantiateVariableFont(font, place)
    lookups = {i for record in font["GSUB"].table.FeatureList.FeatureRecord if record.FeatureTag == "tnum" for i in record.Feature.LookupListIndex}
    swaps = {}
    for i in lookups:
        for table in font["GSUB"].table.LookupList.Lookup[i].SubTable:
            table = getattr(table, "ExtSubTable", table)
            swaps |= getattr(table, "mapping", {})
    for table in font["cmap"].tables:
        table.cmap = {code: swaps.get(glyph, glyph) if chr(code) in "0123456789.,:+-" else glyph for code, glyph in table.cmap.items()}
    options = subset.Options(layout_features=["kern", "mark", "mkmk", "ccmp"], hinting=False, name_IDs=[0, 1, 2, 3, 4, 5, 6, 13, 14], notdef_outline=True)
    cut = subset.Subsetter(options)
    cut.populate(unicodes=[code for low, high in RANGES for code in range(low, high + 1)])
    cut.subset(font)
    font.save(f"{folder}/Inter-{name}.ttf")
    print(name, place, len(swaps), {font["hmtx"][font.getBestCmap()[ord(c)]][0] for c in "0123456789"})
