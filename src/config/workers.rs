//! How many workers there are where nobody says: the cgroup's CPU limit rounded up, else the CPUs, at most four.

use std::path::{Path, PathBuf};

pub fn default() -> usize {
    let limit = limit(Path::new("/sys/fs/cgroup"), &std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default());
    from(limit, std::thread::available_parallelism().map_or(1, usize::from))
}

fn from(limit: Option<Limit>, cpus: usize) -> usize {
    let wanted = match limit {
        Some(Limit { quota, period }) => usize::try_from(quota.div_ceil(period)).unwrap_or(MOST),
        None => cpus,
    };
    wanted.clamp(1, MOST)
}

/// Microseconds of CPU in each period of as many microseconds (cgroups(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limit {
    quota: u64,
    period: u64,
}

/// The tightest limit of this process's groups. `membership` is `/proc/self/cgroup`: `0::/path` in version 2, `4:cpu,cpuacct:/path` in version 1.
fn limit(root: &Path, membership: &str) -> Option<Limit> {
    let groups = membership.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        let path = path.trim_start_matches('/').to_owned();
        match controllers {
            "" => Some((root.to_owned(), path, read_v2 as fn(&Path) -> Option<Limit>)),
            _ if controllers.split(',').any(|name| name == "cpu") => Some((root.join("cpu"), path, read_v1 as _)),
            _ => None,
        }
    });
    let all = groups.flat_map(|(mount, path, read)| {
        // In a container the path may be the host's, and only the mount's root be there.
        let below = mount.join(path);
        let levels: Vec<PathBuf> =
            below.ancestors().take_while(|level| level.starts_with(&mount)).map(Path::to_owned).collect();
        levels.into_iter().filter_map(move |level| read(&level))
    });
    all.min_by(|a, b| (a.quota * b.period).cmp(&(b.quota * a.period)))
}

/// `cpu.max`: `150000 100000`, or `max 100000`.
fn read_v2(group: &Path) -> Option<Limit> {
    let text = std::fs::read_to_string(group.join("cpu.max")).ok()?;
    let (quota, period) = text.trim().split_once(' ')?;
    sane(quota.parse().ok()?, period.parse().ok()?)
}

/// Minus one is none.
fn read_v1(group: &Path) -> Option<Limit> {
    let read = |name| std::fs::read_to_string(group.join(name)).ok()?.trim().parse().ok();
    sane(read("cpu.cfs_quota_us")?, read("cpu.cfs_period_us")?)
}

/// Small enough to be multiplied with each other.
fn sane(quota: u64, period: u64) -> Option<Limit> {
    (quota > 0 && period > 0 && quota < 1 << 31 && period < 1 << 31).then_some(Limit { quota, period })
}

const MOST: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_rounded_up_and_four_are_enough() {
        for (quota, period, workers) in
            [(10_000, 100_000, 1), (100_000, 100_000, 1), (150_000, 100_000, 2), (900_000, 100_000, 4)]
        {
            assert_eq!(from(Some(Limit { quota, period }), 16), workers, "{quota}/{period}");
        }
        assert_eq!((from(None, 2), from(None, 64)), (2, 4));
    }

    #[test]
    fn the_tightest_group_on_the_way_up_counts() {
        let root = std::env::temp_dir().join(format!("tokigate-cgroup-{}", std::process::id()));
        let inner = root.join("pod/container");
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::write(root.join("pod/cpu.max"), "150000 100000\n").unwrap();
        std::fs::write(inner.join("cpu.max"), "max 100000\n").unwrap();
        assert_eq!(limit(&root, "0::/pod/container\n"), Some(Limit { quota: 150_000, period: 100_000 }));
        std::fs::create_dir_all(root.join("cpu/pod")).unwrap();
        std::fs::write(root.join("cpu/pod/cpu.cfs_quota_us"), "50000\n").unwrap();
        std::fs::write(root.join("cpu/pod/cpu.cfs_period_us"), "100000\n").unwrap();
        assert_eq!(limit(&root, "4:cpu,cpuacct:/pod\n3:memory:/pod\n"), Some(Limit { quota: 50_000, period: 100_000 }));
        std::fs::write(root.join("cpu/pod/cpu.cfs_quota_us"), "-1\n").unwrap();
        assert_eq!(limit(&root, "4:cpu,cpuacct:/pod\n"), None);
        assert_eq!(limit(&root, "nonsense"), None);
        std::fs::remove_dir_all(&root).unwrap();
    }
}
