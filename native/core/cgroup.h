// Limits that the system sets for groups of processes: containers and batch jobs.
#pragma once

#include <string>
#include <vector>

namespace lapidary {

/// The first lines of a control file in the group of this process and in every group above it, where there is
/// one; each of them limits the process. A batch job's limits are often set some levels above its processes.
std::vector<std::string> cgroup_values(const std::string& file, const std::string& v1_controller,
                                       const std::string& v1_file);

}  // namespace lapidary
