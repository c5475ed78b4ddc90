//! What this process took, of memory and of the processors, and what memory it may still take.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

/// Where Linux mounts control groups.
const CGROUPS: &str = "sys/fs/cgroup";

/// Memory that may still be taken, and what sets the bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) bytes: u64,
    pub(crate) bound: Bound,
}

/// What bounds this process's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// What the machine has left.
    Machine,
    /// What the control group, or one around it, has left.
    Group,
    /// What the process's limit on its address space has left.
    AddressSpace,
}

impl Bound {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Machine => "the machine's available memory",
            Self::Group => "its control group's limit",
            Self::AddressSpace => "the process's limit on address space, ulimit -v",
        }
    }
}

/// Seconds that the threads of this process that are still there ran for; 0 where the system does not tell.
pub(crate) fn cpu_seconds() -> f64 {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return 0.0 };
    let nanoseconds = |thread: std::fs::DirEntry| {
        let text = read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    };
    threads.flatten().filter_map(nanoseconds).sum::<f64>() * 1e-9
}

/// Largest resident size so far, in bytes, where the system tells.
pub(crate) fn peak_bytes() -> Option<u64> {
    kibibytes(&read_to_string("/proc/self/status").ok()?, "VmHWM:")
}

/// Resident size now, in bytes; 0 where the system does not tell.
pub(crate) fn resident_bytes() -> u64 {
    read_to_string("/proc/self/status").ok().and_then(|status| kibibytes(&status, "VmRSS:")).unwrap_or(0)
}

/// Threads of this process now; 1 where the system does not tell.
pub(crate) fn threads() -> usize {
    let status = read_to_string("/proc/self/status").unwrap_or_default();
    let count = status.lines().find_map(|line| line.strip_prefix("Threads:")?.trim().parse().ok());
    count.unwrap_or(1)
}

/// Memory that may still be taken, by every bound that the system tells.
pub(crate) fn rooms() -> Vec<Room> {
    rooms_below(Path::new("/"), address_space_limit())
}

fn rooms_below(root: &Path, address_space: Option<u64>) -> Vec<Room> {
    let machine =
        read_to_string(root.join("proc/meminfo")).ok().and_then(|text| kibibytes(&text, "MemAvailable:"));
    let status = read_to_string(root.join("proc/self/status")).unwrap_or_default();
    let taken = kibibytes(&status, "VmSize:").unwrap_or(0);
    let found = [
        (machine, Bound::Machine),
        (group_room(root), Bound::Group),
        (address_space.map(|limit| limit.saturating_sub(taken)), Bound::AddressSpace),
    ];
    found.into_iter().filter_map(|(bytes, bound)| Some(Room { bytes: bytes?, bound })).collect()
}

/// A size from one of the system's tables, which are in kibibytes.
fn kibibytes(table: &str, name: &str) -> Option<u64> {
    let line = table.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(unix)]
fn address_space_limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::As).current
}

#[cfg(not(unix))]
fn address_space_limit() -> Option<u64> {
    None
}

/// The least that any control group around this process has left, in both versions of the interface.
fn group_room(root: &Path) -> Option<u64> {
    let groups = read_to_string(root.join("proc/self/cgroup")).ok()?;
    let mounted = root.join(CGROUPS);
    let rooms = groups.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        if controllers.is_empty() {
            least_room(&mounted, path, ["memory.max", "memory.current"])
        } else if controllers.split(',').any(|controller| controller == "memory") {
            least_room(&mounted.join("memory"), path, ["memory.limit_in_bytes", "memory.usage_in_bytes"])
        } else {
            None
        }
    });
    rooms.min()
}

/// From a group up to the root; in a container the group itself may not be visible, its root is.
fn least_room(mounted: &Path, group: &str, [limit, usage]: [&str; 2]) -> Option<u64> {
    let inner = mounted.join(group.trim_start_matches('/'));
    let levels: Vec<PathBuf> =
        inner.ancestors().take_while(|level| level.starts_with(mounted)).map(Path::to_owned).collect();
    let room = |level: &PathBuf| {
        let number = |name: &str| read_to_string(level.join(name)).ok()?.trim().parse::<u64>().ok();
        // Without a limit there is a word, or a number beyond all memory.
        let (limit, usage) = (number(limit)?, number(usage)?);
        Some(limit.saturating_sub(usage.saturating_sub(reclaimable(level))))
    };
    levels.iter().filter_map(room).min()
}

/// Cached files, which the system gives up first.
fn reclaimable(level: &Path) -> u64 {
    let stat = read_to_string(level.join("memory.stat")).unwrap_or_default();
    let value = |name: &str| {
        let line = stat.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        line.trim().parse::<u64>().ok()
    };
    value("total_inactive_file").or_else(|| value("inactive_file")).unwrap_or(0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// A system's tables in a folder.
    fn system(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn every_bound_is_found() {
        let meminfo = ("proc/meminfo", "MemTotal:  9000 kB\nMemAvailable:    4096 kB\n");
        let status = ("proc/self/status", "Name: x\nVmSize:\t    1024 kB\nVmRSS:\t 512 kB\n");
        let second = [
            meminfo,
            status,
            ("proc/self/cgroup", "0::/outer/inner\n"),
            ("sys/fs/cgroup/outer/memory.max", "3145728\n"),
            ("sys/fs/cgroup/outer/memory.current", "2097152\n"),
            ("sys/fs/cgroup/outer/memory.stat", "anon 5\ninactive_file 1048576\n"),
            ("sys/fs/cgroup/outer/inner/memory.max", "max\n"),
            ("sys/fs/cgroup/outer/inner/memory.current", "1048576\n"),
        ];
        let first = [
            meminfo,
            status,
            ("proc/self/cgroup", "5:cpu,cpuacct:/a\n4:memory:/unseen\n0::/\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "2097152\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "1048576\n"),
        ];
        let machine = Room { bytes: 4 * MIB, bound: Bound::Machine };
        let group = |bytes| Room { bytes, bound: Bound::Group };
        let space = Room { bytes: 2 * MIB, bound: Bound::AddressSpace };
        let cases: [(&[_], _, Vec<Room>); 4] = [
            (&second, Some(3 * MIB), vec![machine, group(2 * MIB), space]),
            (&first, None, vec![machine, group(MIB)]),
            (&[meminfo, status], None, vec![machine]),
            (&[], None, vec![]),
        ];
        for (files, limit, expected) in cases {
            let root = system(files);
            assert_eq!(rooms_below(root.path(), limit), expected);
        }
    }

    #[test]
    fn this_process_has_a_size() {
        if cfg!(target_os = "linux") {
            assert!(resident_bytes() > MIB && peak_bytes().unwrap() >= resident_bytes());
        }
    }
}
