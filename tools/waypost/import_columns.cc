#include "tools/waypost/import_columns.h"

namespace waypost::cli {
namespace {

using enum ColumnOf;

constexpr ImportColumn kColumns[] = {
    {"case", kCase, "", "rows that follow each other with the same word here are people of one referral"},
    {"own_reference", kRequest, "own_reference", "the own reference for the case; encrypted"},
    {"theme", kReferral, "theme", "what it is about"},
    {"priority", kReferral, "priority", "how fast an answer is owed"},
    {"receiving_body", kReferral, "receiving.body", "who is asked, as bodies/es-madrid"},
    {"receiving_unit", kReferral, "receiving.unit", "which unit of it"},
    {"referring_unit", kReferral, "referring.unit", "the own unit that has the case"},
    {"offer", kReferral, "offer", "the offer asked for"},
    {"territory", kReferral, "territory", "where the person lives, as ES300"},
    {"part_of", kReferral, "part_of", "the referral that it is a part of, as referrals/01jd…"},
    {"telephone_handover_time", kReferral, "telephone_handover.time", "when the duty desk answered"},
    {"telephone_handover_unit", kReferral, "telephone_handover.unit", "the duty desk that answered"},
    {"age_band", kPerson, "age_band", "age in completed years"},
    {"language", kPerson, "languages", "languages spoken, BCP 47 tags, best first"},
    {"interpreter_language", kPerson, "interpreter_language", "the language an interpreter is needed for"},
    {"accessibility_need", kPerson, "accessibility_needs", "what the person needs to take part"},
    {"agreement", kPerson, "agreement", "whether the person agrees to be referred"},
    {"secrecy_release", kPerson, "secrecy_release", "release from professional secrecy"},
    {"parental_holders", kPerson, "parental_responsibility.holders", "a minor's: who holds responsibility"},
    {"parental_conflict", kPerson, "parental_responsibility.conflict", "a minor's: conflicts among them"},
    {"child_view", kPerson, "parental_responsibility.child_view", "a minor's own view, in a code"},
    {"purpose", kPerson, "disclosure.purpose", "what the disclosure is for"},
    {"special_category_section", kPerson, "disclosure.special_category_sections",
     "sections with special categories of data"},
    {"referring_article_6", kPerson, "disclosure.referring_basis.article_6", "the own basis, Art. 6(1) GDPR"},
    {"referring_article_9", kPerson, "disclosure.referring_basis.article_9",
     "the own condition, Art. 9(2) GDPR"},
    {"referring_law", kPerson, "disclosure.referring_basis.law",
     "the law behind it, as es/ley-7-1985/art-25"},
    {"receiving_article_6", kPerson, "disclosure.receiving_basis.article_6", "the receiving body's basis"},
    {"receiving_article_9", kPerson, "disclosure.receiving_basis.article_9",
     "the receiving body's condition"},
    {"receiving_law", kPerson, "disclosure.receiving_basis.law", "the law behind it"},
    {"retention_rule", kPerson, "disclosure.retention_rule", "how long it is kept, a code of the same form"},
    {"informed_how", kPerson, "disclosure.informed_how", "how the person was told"},
    {"informed_language", kPerson, "disclosure.informed_language", "in which language, a BCP 47 tag"},
    {"refusal_costs_nothing", kPerson, "disclosure.refusal_costs_nothing",
     "with consent as a basis: must be true"},
    {"override_ground", kPerson, "disclosure.override_ground", "what allows it against the person's wish"},
    {"screening", kSections, "screening.text", "what is necessary to decide; encrypted"},
    {"stated_document", kSections, "screening.documents",
     "a document that the person has or not, as held=Passport; or applied-for=…, missing=…; encrypted"},
    {"given_name", kSections, "details.given_name", "encrypted"},
    {"family_name", kSections, "details.family_name", "encrypted"},
    {"birth_date", kSections, "details.birth_date", "YYYY-MM-DD; encrypted"},
    {"contact", kSections, "details.contact", "how to reach the person safely; encrypted"},
    {"legal_status", kSections, "details.legal_status", "standing as the person told it; encrypted"},
    {"needs", kSections, "details.needs", "what the person needs; encrypted"},
    {"reason", kSections, "details.reason", "why this body; encrypted"},
    {"documents", kSections, "details.documents", "documents at hand or missing; encrypted"},
    {"parental_responsibility_holder", kSections, "details.parental_responsibility_holders",
     "a minor's: who they are; encrypted"},
    {"child_view_words", kSections, "details.child_view", "a minor's view in words; encrypted"},
    {"alert", kSections, "alerts.alerts", "safeguarding alerts; encrypted"},
};

}  // namespace

std::span<const ImportColumn> ImportColumns() {
  return kColumns;
}

const ImportColumn* FindImportColumn(std::string_view name) {
  for (const ImportColumn& column : ImportColumns()) {
    if (column.name == name) return &column;
  }
  return nullptr;
}

}  // namespace waypost::cli
