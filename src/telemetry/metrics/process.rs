//! `process_*`: what the kernel says of this process (proc(5)). Read at each scrape; elsewhere than on Linux there is nothing to read.

use std::fmt::Error;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(Stat::parse) {
            let cpu = ConstCounter::new(stat.cpu_seconds);
            show(&mut encoder, "process_cpu", "User and system time of this process", Some(Unit::Seconds), &cpu)?;
            let threads = ConstGauge::new(stat.threads);
            show(&mut encoder, "process_threads", "Threads of this process", None, &threads)?;
            let memory = ConstGauge::new(stat.virtual_bytes);
            show(&mut encoder, "process_virtual_memory", "Virtual memory of this process", Some(Unit::Bytes), &memory)?;
            if let Some(boot) = boot_seconds() {
                let start = ConstGauge::new(boot + stat.start_seconds_after_boot);
                show(&mut encoder, "process_start_time", "When this process started", Some(Unit::Seconds), &start)?;
            }
        }
        if let Some(bytes) = resident_bytes() {
            let memory = ConstGauge::new(bytes);
            show(
                &mut encoder,
                "process_resident_memory",
                "Resident memory of this process",
                Some(Unit::Bytes),
                &memory,
            )?;
        }
        if let Some(open) = open_fds() {
            show(&mut encoder, "process_open_fds", "Open file descriptors", None, &ConstGauge::new(open))?;
        }
        if let Some(most) = max_fds() {
            show(
                &mut encoder,
                "process_max_fds",
                "The most file descriptors there may be",
                None,
                &ConstGauge::new(most),
            )?;
        }
        Ok(())
    }
}

fn show(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<Unit>,
    metric: &impl EncodeMetric,
) -> Result<(), Error> {
    metric.encode(encoder.encode_descriptor(name, help, unit.as_ref(), metric.metric_type())?)
}

/// What is wanted of `/proc/self/stat`.
#[derive(Debug, PartialEq)]
struct Stat {
    cpu_seconds: f64,
    threads: i64,
    start_seconds_after_boot: f64,
    virtual_bytes: i64,
}

impl Stat {
    fn parse(text: &str) -> Option<Stat> {
        // Field 2 is the program's name in parentheses and may hold anything, even parentheses: the rest begins after the last one.
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<f64>().ok();
        Some(Stat {
            cpu_seconds: (number(14)? + number(15)?) / TICKS_PER_SECOND,
            threads: fields.get(20 - 3)?.parse().ok()?,
            start_seconds_after_boot: number(22)? / TICKS_PER_SECOND,
            virtual_bytes: fields.get(23 - 3)?.parse().ok()?,
        })
    }
}

/// The kernel's USER_HZ: 100 wherever this program is built for (proc(5)).
const TICKS_PER_SECOND: f64 = 100.0;

fn boot_seconds() -> Option<f64> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    text.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

fn resident_bytes() -> Option<i64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix("kB")?;
    Some(kibibytes.trim().parse::<i64>().ok()? * 1024)
}

fn open_fds() -> Option<i64> {
    // The listing itself holds one open.
    i64::try_from(fs::read_dir("/proc/self/fd").ok()?.count()).ok().map(|count| count - 1)
}

fn max_fds() -> Option<i64> {
    let text = fs::read_to_string("/proc/self/limits").ok()?;
    text.lines().find_map(|line| line.strip_prefix("Max open files"))?.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_moves_no_field() {
        let text = "42 (a) b) R 1 42 42 0 -1 4194304 1 0 0 0 150 50 0 0 20 0 7 0 12345 8192 300 0";
        let stat = Stat { cpu_seconds: 2.0, threads: 7, start_seconds_after_boot: 123.45, virtual_bytes: 8192 };
        assert_eq!(Stat::parse(text), Some(stat));
    }

    #[test]
    fn this_process_is_told_of_under_the_names_everyone_knows() {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Process));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for name in [
            "process_cpu_seconds_total",
            "process_resident_memory_bytes",
            "process_virtual_memory_bytes",
            "process_start_time_seconds",
            "process_open_fds",
            "process_max_fds",
            "process_threads",
        ] {
            let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            let value: f64 = value.unwrap_or_else(|| panic!("{name} in\n{text}")).parse().unwrap();
            assert!(value >= 0.0, "{name} is {value}");
        }
    }
}
