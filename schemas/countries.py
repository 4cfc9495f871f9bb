"""Countries: the two-letter codes of ISO 3166-1.

Source: iso3166.tab of the tz database, release 2025. Read in November 2026. Another word (EU, UK,
a country's name) is none of these and says of no country.
"""

from __future__ import annotations

CODES = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT
BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH
ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT
HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS
LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI
NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG
SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG
UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
"""
COUNTRIES = tuple(CODES.split())
# Those most of whose people live south of the equator (centres of population, our own reading of a
# map, November 2026); there it is summer in January.
SOUTHERN = tuple(
    [
        "AO",
        "AQ",
        "AR",
        "AS",
        "AU",
        "BI",
        "BO",
        "BR",
        "BV",
        "BW",
        "CC",
        "CD",
        "CG",
        "CK",
        "CL",
        "CX",
        "EC",
        "FJ",
        "FK",
        "GA",
        "GS",
        "HM",
        "ID",
        "IO",
        "KM",
        "LS",
        "MG",
        "MU",
        "MW",
        "MZ",
        "NA",
        "NC",
        "NF",
        "NR",
        "NU",
        "NZ",
        "PE",
        "PF",
        "PG",
        "PN",
        "PY",
        "RE",
        "RW",
        "SB",
        "SC",
        "SH",
        "SZ",
        "TF",
        "TK",
        "TL",
        "TO",
        "TV",
        "TZ",
        "UY",
        "VU",
        "WF",
        "WS",
        "YT",
        "ZA",
        "ZM",
        "ZW",
    ]
)
