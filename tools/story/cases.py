"""The cases of the story. Every person here is INVENTED, and every family name says so. The laws and
retention rules are examples of the form, not legal advice."""

PONT_DE_CLAIX = "FR714/200040715/38317"
FUENLABRADA = "ES300/28058"
NEUBAU = "AT130/90001/07"
ATHENS = "EL303"

_LAWS = {
    "es": "es/ley-7-1985/art-25",
    "fr": "fr/code-action-sociale-familles/art-l116-1",
    "at": "at/wkjhg-2013",
    "el": "el/nomos-4636-2019",
    "be": "be/loi-8-juillet-1976/art-57",
}
_RETENTION = {
    "es": "es/expediente-social/5-years-after-end",
    "fr": "fr/dossier-social/2-years-after-end",
    "at": "at/jugendarbeit/1-year-after-end",
    "el": "el/estia/5-years-after-end",
    "be": "be/dossier-social/5-years-after-end",
}

# How long each of these says that a file is kept, for the node of the story: without it, every rule that a
# node does not know stands for five years.
_DAYS = {"es": 1826, "fr": 731, "at": 366, "el": 1826, "be": 1826}


def retention_rule(land):
    return _RETENTION[land]


def retention_config():
    """As protobuf text for the node's configuration."""
    rules = "".join(f'  rules {{ code: "{retention_rule(land)}" days: {days} }}\n'
                    for land, days in _DAYS.items())
    return "retention {\n" + rules + "}\n"


def disclosure(referring, receiving, language, purpose="PURPOSE_DELIVER_SERVICE"):
    """Tasks in the public interest on both sides; told in person."""
    return {
        "purpose": purpose,
        "referringBasis": {"article6": "LEGAL_BASIS_PUBLIC_TASK", "law": _LAWS[referring]},
        "receivingBasis": {"article6": "LEGAL_BASIS_PUBLIC_TASK", "law": _LAWS[receiving]},
        "retentionRule": _RETENTION[receiving],
        "informedHow": "INFORMED_HOW_IN_PERSON",
        "informedLanguage": language,
    }


def on_consent(referring, receiving, language):
    """The receiving body's basis is the person's consent; refusing would have cost him nothing."""
    return {**disclosure(referring, receiving, language),
            "receivingBasis": {"article6": "LEGAL_BASIS_CONSENT"}, "refusalCostsNothing": True}


def person(number, age_band, languages, told, interpreter="", minor_view=""):
    entry = {
        "number": number,
        "ageBand": "AGE_BAND_" + age_band,
        "languages": languages,
        "agreement": "AGREEMENT_AGREED",
        "secrecyRelease": "SECRECY_RELEASE_RELEASED",
        "disclosure": told,
    }
    if interpreter:
        entry["interpreterLanguage"] = interpreter
    if minor_view:
        entry["parentalResponsibility"] = {
            "holders": "PARENTAL_HOLDERS_BOTH_PARENTS",
            "conflict": "PARENTAL_CONFLICT_NONE",
            "childView": "CHILD_VIEW_" + minor_view,
        }
    return entry


_FAMILY = "Rahimi (invented)"
_PARENTS = ["Marzia Rahimi (invented), mother", "Hamid Rahimi (invented), father"]


def _family_sections():
    """What is encrypted about the family of four."""
    return [
        {
            "person": 1,
            "screening": {"text": "Did not go to school. Speaks Dari only; no French. Free in the mornings."},
            "details": {
                "givenName": "Marzia", "familyName": _FAMILY, "birthDate": "1990-03-14",
                "contact": "By telephone in the morning, through an interpreter.",
                "legalStatus": "Residence permit, as she told it",
                "needs": "To learn French from the beginning, with people who have not been to school.",
                "reason": "The family moves to Pont-de-Claix this month, where the father has found work.",
                "documents": "Identity documents at hand.",
            },
            "alerts": {"alerts": ["Asks that nobody outside the family be told the new address."]},
        },
        {
            "person": 2,
            "screening": {"text": "Went to school. Reads Dari, some Spanish; has a few words of French."},
            "details": {
                "givenName": "Hamid", "familyName": _FAMILY, "birthDate": "1985-11-02",
                "contact": "By telephone in the evening.",
                "legalStatus": "Residence permit, as he told it",
                "needs": "French for work; begins with a company in Pont-de-Claix.",
                "reason": "As for person 1.",
            },
        },
        {
            "person": 3,
            "screening": {"text": "Goes to secondary school; speaks Spanish well."},
            "details": {
                "givenName": "Laleh", "familyName": _FAMILY, "birthDate": "2012-05-20",
                "needs": "To be told which school takes newcomers.",
                "parentalResponsibilityHolders": _PARENTS,
                "childView": "Would like to go on with school at once.",
            },
        },
        {
            "person": 4,
            "screening": {"text": "Goes to primary school; speaks Spanish well."},
            "details": {
                "givenName": "Omid", "familyName": _FAMILY, "birthDate": "2018-09-01",
                "needs": "A school place near the new home.",
                "parentalResponsibilityHolders": _PARENTS,
            },
        },
    ]


def family_of_four():
    """Fuenlabrada → the social centers of Pont-de-Claix: language, with an interpreter for Dari."""
    told = disclosure("es", "fr", "prs")
    return {
        "referral": {
            "theme": "THEME_LANGUAGE",
            "priority": "PRIORITY_NORMAL",
            "referring": {"unit": "bodies/es-fuenlabrada/units/social-welfare"},
            "receiving": {"body": "bodies/fr-pont-de-claix",
                          "unit": "bodies/fr-pont-de-claix/units/social-centres"},
            "offer": "offers/fr-pont-de-claix-asl",
            "territory": PONT_DE_CLAIX,
            "persons": [
                person(1, "25_TO_39", ["prs"], told, "prs"),
                person(2, "40_TO_64", ["prs", "es"], told, "prs"),
                person(3, "12_TO_15", ["prs", "es"], told, minor_view="AGREES"),
                person(4, "6_TO_11", ["prs", "es"], told, minor_view="TOO_YOUNG"),
            ],
        },
        "sections": _family_sections(),
    }


def learner_of_the_metropole(number):
    """Grenoble-Alpes Métropole → the social centers of Pont-de-Claix: a workshop. Each is somebody else."""
    return {
        "referral": {
            "theme": "THEME_LANGUAGE",
            "priority": "PRIORITY_NORMAL",
            "referring": {"unit": "bodies/fr-grenoble-alpes-metropole/units/insertion-and-employment"},
            "receiving": {"body": "bodies/fr-pont-de-claix",
                          "unit": "bodies/fr-pont-de-claix/units/social-centres"},
            "offer": "offers/fr-pont-de-claix-asl",
            "territory": PONT_DE_CLAIX,
            "persons": [person(1, "25_TO_39", ["ar"], disclosure("fr", "fr", "ar"))],
        },
        "sections": [{
            "person": 1,
            "screening": {"text": "Level to be found out."},
            "details": {"givenName": f"Learner {number}", "familyName": "Exemple (invented)",
                        "birthDate": f"19{80 + number % 15}-0{1 + number % 9}-1{number % 10}",
                        "needs": "French, in the evenings."},
        }],
    }


def young_man_of_27():
    """City of Vienna → cult.mobil, which is for people from 14 to 26."""
    return {
        "referral": {
            "theme": "THEME_YOUTH",
            "priority": "PRIORITY_NORMAL",
            "referring": {"unit": "bodies/at-wien/units/integration-and-diversity"},
            "receiving": {"body": "bodies/at-mk-n", "unit": "bodies/at-mk-n/units/cult-mobil"},
            "offer": "offers/at-wien-cult-mobil",
            "territory": NEUBAU,
            "persons": [person(1, "25_TO_39", ["ar", "de"], disclosure("at", "at", "de"))],
        },
        "sections": [{
            "person": 1,
            "screening": {"text": "27 years old. Spends his days in the park; knows people there."},
            "details": {"givenName": "Karim", "familyName": "Haddad (invented)", "birthDate": "1999-01-08",
                        "needs": "Company, and help with finding his way."},
        }],
    }


def young_woman_without_a_paper():
    """City of Vienna → cult.mobil: of age for it, and without the paper that the offer asks for."""
    request = young_man_of_27()
    request["referral"]["persons"] = [person(1, "18_TO_24", ["ar", "de"], disclosure("at", "at", "de"))]
    request["sections"] = [{
        "person": 1,
        "screening": {"text": "19 years old; wants to meet people of her age.",
                      "documents": [{"document": "meldezettel", "status": "DOCUMENT_STATUS_MISSING",
                                     "note": "Lives with friends; nobody has registered her."}]},
        "details": {"givenName": "Rima", "familyName": "Haddad (invented)", "birthDate": "2007-03-14",
                    "needs": "Company after school."},
    }]
    return request


def woman_who_moves_to_schaerbeek():
    """Mechelen → Schaerbeek: she moves there, and goes on being accompanied."""
    return {
        "referral": {
            "theme": "THEME_SOCIAL_SERVICES",
            "priority": "PRIORITY_NORMAL",
            "referring": {"unit": "bodies/be-mechelen/units/diversity"},
            "receiving": {"body": "bodies/be-schaerbeek"},
            "territory": "BE100",
            "persons": [person(1, "25_TO_39", ["ar", "fr"], disclosure("be", "be", "fr"))],
        },
        "sections": [{
            "person": 1,
            "screening": {"text": "Moves to Schaerbeek this month; is accompanied in Mechelen until then."},
            "details": {"givenName": "Salma", "familyName": "Amrani (invented)", "birthDate": "1994-06-02",
                        "needs": "Somebody who knows her file when she arrives."},
        }],
    }


def father_to_the_metropole():
    """Fuenlabrada → Grenoble-Alpes Métropole: vocational training for the father."""
    return {
        "referral": {
            "theme": "THEME_VOCATIONAL_TRAINING",
            "priority": "PRIORITY_NORMAL",
            "referring": {"unit": "bodies/es-fuenlabrada/units/social-welfare"},
            "receiving": {"body": "bodies/fr-grenoble-alpes-metropole",
                          "unit": "bodies/fr-grenoble-alpes-metropole/units/insertion-and-employment"},
            "territory": PONT_DE_CLAIX,
            "persons": [person(1, "40_TO_64", ["prs", "es"], disclosure("es", "fr", "prs"), "prs")],
        },
        "sections": [{
            "person": 1,
            "screening": {"text": "Welder by trade; wants a certificate that counts in France."},
            "details": {"givenName": "Hamid", "familyName": _FAMILY, "birthDate": "1985-11-02",
                        "needs": "Recognised training next to his work."},
        }],
    }


def man_who_was_turned_away():
    """Fuenlabrada → the Mesa por la Convivencia: discrimination at a door."""
    return {
        "referral": {
            "theme": "THEME_DISCRIMINATION_AND_HATE_CRIME",
            "priority": "PRIORITY_NORMAL",
            "referring": {"unit": "bodies/es-fuenlabrada/units/social-welfare"},
            "receiving": {"body": "bodies/es-mesa-por-la-convivencia"},
            "territory": FUENLABRADA,
            "persons": [person(1, "25_TO_39", ["ar"], disclosure("es", "es", "ar"), "ar")],
        },
        "sections": [
            {"person": 1,
             "screening": {"text": "Was not let into a flat that was to let."},
             "details": {"givenName": "Yusuf", "familyName": "Amrani (invented)", "birthDate": "1994-02-20",
                         "needs": "Advice, and somebody who talks to the landlord."}},
        ],
    }


def mother_and_child_in_athens():
    """The Athens centre → K.E.DH.L. in Livadia: an ESTIA apartment."""
    told = disclosure("el", "el", "ar")
    return {
        "referral": {
            "theme": "THEME_HOUSING",
            "priority": "PRIORITY_URGENT",
            "referring": {"unit": "bodies/el-accmr/units/coordination-centre"},
            "receiving": {"body": "bodies/el-kedhl", "unit": "bodies/el-kedhl/units/estia"},
            "offer": "offers/el-livadia-estia",
            "territory": ATHENS,
            "persons": [
                person(1, "25_TO_39", ["ar"], told, "ar"),
                person(2, "0_TO_5", ["ar"], told, minor_view="TOO_YOUNG"),
            ],
        },
        "sections": [
            {"person": 1,
             "screening": {"text": "Asylum seeker, alone with a child of three."},
             "details": {"givenName": "Rima", "familyName": "Sabbagh (invented)", "birthDate": "1996-07-30",
                         "needs": "A safe apartment; psychosocial support."}},
            {"person": 2,
             "screening": {"text": "Three years old."},
             "details": {"givenName": "Nour", "familyName": "Sabbagh (invented)", "birthDate": "2023-02-11",
                         "parentalResponsibilityHolders": ["Rima Sabbagh (invented), mother"]}},
        ],
    }


def papers_of_the_mother(case):
    """K.E.DH.L. in Livadia → the Athens centre: a part of the case that it holds."""
    return {
        "referral": {
            "partOf": case,
            "theme": "THEME_RESIDENCE_DOCUMENTS",
            "priority": "PRIORITY_NORMAL",
            "referring": {"unit": "bodies/el-kedhl/units/estia"},
            "receiving": {"body": "bodies/el-accmr", "unit": "bodies/el-accmr/units/coordination-centre"},
            "territory": ATHENS,
            "persons": [person(1, "25_TO_39", ["ar"], disclosure("el", "el", "ar"), "ar")],
        },
        "sections": [
            {"person": 1,
             "screening": {"text": "Her residence permit ends this year."},
             "details": {"givenName": "Rima", "familyName": "Sabbagh (invented)", "birthDate": "1996-07-30",
                         "needs": "An appointment, and somebody who goes there with her."}},
        ],
    }


def nursery_for_the_child(case):
    """K.E.DH.L. in Livadia → the Municipality of Livadia: another part of it, with a child alone."""
    return {
        "referral": {
            "partOf": case,
            "theme": "THEME_CHILDCARE",
            "priority": "PRIORITY_NORMAL",
            "referring": {"unit": "bodies/el-kedhl/units/estia"},
            "receiving": {"body": "bodies/el-livadia"},
            "territory": ATHENS,
            "persons": [person(1, "0_TO_5", ["ar"], disclosure("el", "el", "ar"), minor_view="TOO_YOUNG")],
        },
        "sections": [
            {"person": 1,
             "screening": {"text": "Three years old."},
             "details": {"givenName": "Nour", "familyName": "Sabbagh (invented)", "birthDate": "2023-02-11",
                         "parentalResponsibilityHolders": ["Rima Sabbagh (invented), mother"]}},
        ],
    }


def _sister(number):
    return {"person": number,
            "screening": {"text": "A woman of 24. Needs a place that nobody else is told of."},
            "details": {"givenName": "Salma", "familyName": "Sabbagh (invented)", "birthDate": "2001-12-05",
                        "needs": "A safe place; legal aid; psychosocial support."}}


def with_a_sister():
    """The same, with the mother's sister."""
    request = mother_and_child_in_athens()
    request["referral"]["persons"].append(person(3, "18_TO_24", ["ar"], disclosure("el", "el", "ar"), "ar"))
    request["sections"].append(_sister(3))
    return request


def sister_alone():
    """The Athens centre → K.E.DH.L. in Livadia, of nobody but the sister."""
    request = mother_and_child_in_athens()
    del request["referral"]["offer"]
    request["referral"]["persons"] = [person(1, "18_TO_24", ["ar"], disclosure("el", "el", "ar"), "ar")]
    request["sections"] = [_sister(1)]
    return request


def outcome(number, kind, day, language, **more):
    return {"person": number,
            "outcome": {"kind": "OUTCOME_KIND_" + kind, "date": day,
                        "informedBy": "INFORMED_BY_RECEIVING_BODY", "informedHow": "INFORMED_HOW_IN_PERSON",
                        "informedLanguage": language, **more}}


def man_who_moves():
    """K.E.DH.L. in Livadia → the Athens centre: he has found work there."""
    return {
        "referral": {
            "theme": "THEME_SOCIAL_SERVICES",
            "priority": "PRIORITY_NORMAL",
            "referring": {"unit": "bodies/el-kedhl/units/estia"},
            "receiving": {"body": "bodies/el-accmr", "unit": "bodies/el-accmr/units/coordination-centre"},
            "territory": ATHENS,
            "persons": [person(1, "25_TO_39", ["ar"], on_consent("el", "el", "ar"), "ar")],
        },
        "sections": [{
            "person": 1,
            "screening": {"text": "Has found work in Athens; leaves the apartment in Livadia."},
            "details": {"givenName": "Idris", "familyName": "Mansour (invented)", "birthDate": "1994-04-17",
                        "needs": "Help with papers and a room, for the first weeks."},
        }],
    }


def woman_who_objects():
    """K.E.DH.L. in Livadia → the Athens centre, on the law on both sides."""
    request = man_who_moves()
    request["referral"]["persons"] = [person(1, "40_TO_64", ["ar"], disclosure("el", "el", "ar"), "ar")]
    request["sections"] = [{
        "person": 1,
        "screening": {"text": "Looks for advice on pensions; hears better in a quiet room."},
        "details": {"givenName": "Amal", "familyName": "Khoury (invented)", "birthDate": "1971-10-08",
                    "needs": "Somebody who goes through the papers with her."},
    }]
    return request
