#include "core/cgroup.h"

#include <fstream>

namespace lapidary {

std::vector<std::string> cgroup_values(const std::string& file, const std::string& v1_controller,
                                       const std::string& v1_file) {
  std::vector<std::string> values;
  std::string wanted(1, ',');
  wanted.append(v1_controller).push_back(',');
  std::ifstream groups(
      "/proc/self/cgroup");  // lines of "number:controllers:path"; none are named in version 2
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    std::string controllers(1, ',');
    controllers.append(line, first + 1, second - first - 1).push_back(',');
    const bool unified = controllers == ",,";
    if (!unified && controllers.find(wanted) == std::string::npos) continue;
    const std::string root = unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/" + v1_controller;
    std::string path = line.substr(second + 1);
    while (true) {
      if (!path.empty() && path.back() == '/') path.pop_back();
      std::ifstream control(root + path + "/" + (unified ? file : v1_file));
      if (std::string value; std::getline(control, value)) values.push_back(value);
      if (path.empty()) break;
      path.erase(path.rfind('/') + 1);
    }
  }
  return values;
}

}  // namespace lapidary
