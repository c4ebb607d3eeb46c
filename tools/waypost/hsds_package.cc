#include "tools/waypost/hsds_package.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/strings.h"
#include "nlohmann/json.hpp"
#include "tools/waypost/hsds_json.h"
#include "tools/waypost/hsds_service.h"

namespace waypost::cli {
namespace {

using nlohmann::json;

class PackageReader {
 public:
  HsdsPackage Read(const json& document) && {
    if (const json* const contents = HsdsMember(document, "contents"); contents != nullptr) {
      ReadList(*contents, "/contents");
    } else if (document.is_array()) {
      ReadList(document, "");
    } else {
      ReadItem(document, "");
    }
    if (too_many_) {
      HsdsReport report = {.row = 0,
                           .pointer = "",
                           .problem = base::Cat("has more than ", kMaxHsdsServices, " services: split it")};
      return {{}, {std::move(report)}, rows_};
    }
    ReportDuplicates();
    HsdsPackage package;
    package.rows = rows_;
    std::set<size_t> refused;
    for (HsdsReport& report : reports_) {
      refused.insert(report.row);
      const auto id = ids_by_row_.find(report.row);
      if (id != ids_by_row_.end()) report.id = id->second;
    }
    for (HsdsService& service : services_) {
      if (!refused.contains(service.row)) package.services.push_back(std::move(service));
    }
    std::stable_sort(reports_.begin(), reports_.end(),
                     [](const HsdsReport& a, const HsdsReport& b) { return a.row < b.row; });
    package.reports = std::move(reports_);
    return package;
  }

 private:
  void Report(const std::string& pointer, std::string_view problem) {
    reports_.push_back({.row = 0, .pointer = pointer, .problem = std::string(problem)});
  }

  void ReadList(const json& list, const std::string& pointer) {
    if (!list.is_array()) return Report(pointer, "is not an array: give one");
    size_t index = 0;
    for (const json& item : list) {
      if (too_many_) return;
      ReadItem(item, base::Cat(pointer, "/", index++));
    }
  }

  void ReadItem(const json& item, const std::string& pointer) {
    const bool has_services = HsdsMember(item, "services") != nullptr;
    const bool has_status = HsdsMember(item, "status") != nullptr;
    if (has_services && !has_status) return ReadOrganization(item, pointer);
    if (!CountRow()) return;
    if (has_status && !has_services) return ReadService(item, pointer, nullptr, nullptr);
    const char* const problem = !item.is_object() ? "is not an object: give a service or an organization"
                                : has_status      ? "has a status and services: keep one of them"
                                                  : "has neither a status, as a service, nor services, as an "
                                                    "organization: give one of them";
    reports_.push_back({.row = rows_, .pointer = pointer, .problem = problem});
  }

  void ReadOrganization(const json& item, const std::string& pointer) {
    const size_t before = reports_.size();
    const HsdsOrganization organization = ReadHsdsOrganization(item, pointer, reports_);
    const bool is_right = reports_.size() == before;
    const json& services = item["services"];
    const std::string list = pointer + "/services";
    json around = item;
    around.erase("services");
    if (!services.is_array()) return Report(list, "is not an array: give one");
    size_t index = 0;
    for (const json& service : services) {
      if (!CountRow()) return;
      ReadService(service, base::Cat(list, "/", index++), &organization, &around);
      // It does not go without its organization.
      if (!is_right) services_.pop_back();
    }
  }

  bool CountRow() {
    if (rows_ < kMaxHsdsServices) return ++rows_ != 0;
    too_many_ = true;
    return false;
  }

  void ReadService(const json& item, const std::string& pointer, const HsdsOrganization* organization,
                   const json* around) {
    HsdsService service;
    service.row = rows_;
    service.pointer = pointer;
    if (organization != nullptr) service.organization = *organization;
    ReadHsdsService(item, service, reports_);
    service.document = item;
    if (around != nullptr && item.is_object() && HsdsMember(item, "organization") == nullptr) {
      service.document["organization"] = *around;
    }
    if (!service.id.empty()) {
      rows_by_id_[service.id].push_back({service.row, pointer});
      ids_by_row_[service.row] = service.id;
    }
    services_.push_back(std::move(service));
  }

  // None of those that share an id is known to be the right one.
  void ReportDuplicates() {
    for (const auto& [id, places] : rows_by_id_) {
      if (places.size() < 2) continue;
      for (const auto& [row, pointer] : places) {
        reports_.push_back({.row = row,
                            .pointer = pointer + "/id",
                            .problem = "is the id of several services: keep one of them"});
      }
    }
  }

  size_t rows_ = 0;
  bool too_many_ = false;
  std::vector<HsdsService> services_;
  std::vector<HsdsReport> reports_;
  std::map<std::string, std::vector<std::pair<size_t, std::string>>> rows_by_id_;
  std::map<size_t, std::string> ids_by_row_;
};

}  // namespace

std::string_view HsdsStatusWords(HsdsStatus status) {
  switch (status) {
    case HsdsStatus::kActive:
      return "active";
    case HsdsStatus::kInactive:
      return "inactive";
    case HsdsStatus::kDefunct:
      return "defunct";
    case HsdsStatus::kTemporarilyClosed:
      return "temporarily closed";
  }
  return "";
}

HsdsPackage ParseHsds(std::string_view content) {
  HsdsJson read = ReadHsdsJson(content);
  if (!read.document.has_value()) {
    HsdsReport report = {.row = 0, .pointer = std::move(read.pointer), .problem = std::move(read.problem)};
    return {{}, {std::move(report)}, 0};
  }
  return PackageReader().Read(*read.document);
}

}  // namespace waypost::cli
