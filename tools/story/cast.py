"""Who acts in the story. Offices and roles, not people."""

from client import Person


class Cast:
    def __init__(self, tool):
        def person(title, body, role, unit=""):
            full_unit = f"bodies/{body}/units/{unit}" if unit else ""
            return Person(tool, title, f"bodies/{body}", [role], full_unit)

        self.operator = person("The operator of the node", "node-operator", "operator")
        # Fuenlabrada: the same unit, another unit, the supervisor, the auditor.
        self.fuenlabrada = person("Fuenlabrada, caseworker of Social Welfare", "es-fuenlabrada", "caseworker",
                                  "social-welfare")
        self.fuenlabrada_other = person("Fuenlabrada, caseworker of Employment and training",
                                        "es-fuenlabrada", "caseworker", "employment-and-training")
        self.fuenlabrada_auditor = person("Fuenlabrada, auditor", "es-fuenlabrada", "auditor")
        # Pont-de-Claix.
        self.pont = person("Pont-de-Claix, caseworker of the social centers", "fr-pont-de-claix",
                           "caseworker", "social-centres")
        self.pont_safeguarding = person("Pont-de-Claix, safeguarding officer", "fr-pont-de-claix",
                                        "safeguarding_officer", "social-centres")
        self.pont_supervisor = person("Pont-de-Claix, supervisor", "fr-pont-de-claix", "supervisor")
        self.pont_auditor = person("Pont-de-Claix, auditor", "fr-pont-de-claix", "auditor")
        # Grenoble-Alpes Métropole and AFPA.
        self.metropole = person("Grenoble-Alpes Métropole, insertion and employment service",
                                "fr-grenoble-alpes-metropole", "caseworker", "insertion-and-employment")
        self.afpa = person("AFPA at Pont-de-Claix", "fr-afpa", "caseworker", "pont-de-claix")
        # Vienna.
        self.vienna = person("City of Vienna, caseworker", "at-wien", "caseworker",
                             "integration-and-diversity")
        self.cult_mobil = person("cult.mobil, social worker", "at-mk-n", "caseworker", "cult-mobil")
        # Athens and Livadia.
        self.athens = person("Athens Coordination Centre, caseworker", "el-accmr", "caseworker",
                             "coordination-centre")
        self.estia = person("K.E.DH.L. in Livadia, ESTIA team", "el-kedhl", "caseworker", "estia")
        self.estia_safeguarding = person("K.E.DH.L. in Livadia, safeguarding officer", "el-kedhl",
                                         "safeguarding_officer", "estia")
        # Bodies with no part in these cases.
        self.mechelen = person("Mechelen, caseworker", "be-mechelen", "caseworker", "diversity")
        self.mechelen_auditor = person("Mechelen, auditor", "be-mechelen", "auditor")
        self._tool = tool

    def supervisor_of(self, body):
        """`body` as in "bodies/es-fuenlabrada"."""
        return Person(self._tool, f"Supervisor of {body}", body, ["supervisor"])

    def auditor_of(self, body):
        return Person(self._tool, f"Auditor of {body}", body, ["auditor"])
