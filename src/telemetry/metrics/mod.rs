//! Metrics for Prometheus (names: interface.md "Metrics"). Every label value is resolved when the process starts: counting is one
//! relaxed atomic addition, and no request can make a new series.

mod histogram;
mod labels;
mod process;

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use histogram::Histogram;
pub use labels::{
    CallResult, Channel, Decision, Endpoint, Forgotten, LoginResult, LogoutResult, Part, RefreshResult,
    RefusedConnection, ReloadResult,
};

/// One for the process, shared as `Arc<Metrics>`.
#[derive(Debug)]
pub struct Metrics {
    requests: Vec<Counter>,
    durations: Vec<Histogram>,
    logins: Vec<Counter>,
    refreshes: Vec<Counter>,
    provider_logouts: Vec<Vec<Counter>>,
    forgotten: Vec<Counter>,
    provider_requests: Vec<Vec<Counter>>,
    provider_durations: Vec<Histogram>,
    upstream_connections: Gauge,
    client_connections: Gauge,
    tunnels: Gauge,
    session_cookie_bytes: Histogram,
    config_reloads: Vec<Counter>,
    refused_connections: Vec<Counter>,
    registry: Registry,
}

/// What a scraper is told that it gets (OpenMetrics 1.0).
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

impl Metrics {
    /// What happened to one request: counted once, when it has been decided on.
    pub fn decided(&self, decision: Decision) {
        self.requests[decision as usize].inc();
    }

    /// Time that one request spent in a part.
    pub fn took(&self, part: Part, time: Duration) {
        self.durations[part as usize].observe_duration(time);
    }

    pub fn login(&self, result: LoginResult) {
        self.logins[result as usize].inc();
    }

    pub fn refresh(&self, result: RefreshResult) {
        self.refreshes[result as usize].inc();
    }

    /// The provider, or somebody in its place, said that sessions have ended.
    pub fn provider_logout(&self, channel: Channel, result: LogoutResult) {
        self.provider_logouts[channel as usize][result as usize].inc();
    }

    /// So many more had to be forgotten before their time.
    pub fn forgotten(&self, kind: Forgotten, more: u64) {
        self.forgotten[kind as usize].inc_by(more);
    }

    /// One call to the provider, from the first byte sent to its end.
    pub fn provider_call(&self, endpoint: Endpoint, result: CallResult, time: Duration) {
        self.provider_requests[endpoint as usize][result as usize].inc();
        self.provider_durations[endpoint as usize].observe_duration(time);
    }

    pub fn config_reload(&self, result: ReloadResult) {
        self.config_reloads[result as usize].inc();
    }

    /// A connection that was closed before its first request, or a stream that was refused.
    pub fn refused_connection(&self, reason: RefusedConnection) {
        self.refused_connections[reason as usize].inc();
    }

    /// Bytes of all the cookies that one sealing of a session wrote.
    pub fn session_cookie(&self, bytes: usize) {
        self.session_cookie_bytes.observe(bytes as u64);
    }

    /// A browser's connection, for as long as the guard lives.
    pub fn client_connection(&self) -> Counted {
        Counted::of(&self.client_connections)
    }

    /// A connection to the application, for as long as the guard lives.
    pub fn upstream_connection(&self) -> Counted {
        Counted::of(&self.upstream_connections)
    }

    /// A tunnel (WebSocket), for as long as the guard lives.
    pub fn tunnel(&self) -> Counted {
        Counted::of(&self.tunnels)
    }

    /// The text that a scrape gets.
    pub fn render(&self) -> String {
        let mut text = String::with_capacity(16 * 1024);
        prometheus_client::encoding::text::encode(&mut text, &self.registry)
            .expect("a String takes everything that is written to it");
        text
    }
}

/// Adds one to a gauge for as long as it lives.
#[derive(Debug)]
pub struct Counted(Gauge);

impl Counted {
    fn of(gauge: &Gauge) -> Counted {
        gauge.inc();
        Counted(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

type OneLabel = [(&'static str, &'static str); 1];
type TwoLabels = [(&'static str, &'static str); 2];

impl Metrics {
    pub fn new() -> Arc<Metrics> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(process::Process));
        let ours = registry.sub_registry_with_prefix("tokigate");

        let requests = counters(ours, "requests", "Requests by what was decided", "decision", Decision::LABELS);
        let durations = durations(
            ours,
            "request_duration",
            "Time added by the gate, and time of the application",
            ("part", Part::LABELS),
        );
        let logins =
            counters(ours, "logins", "Sign-ins that came back, by how they ended", "result", LoginResult::LABELS);
        let refreshes = counters(ours, "refreshes", "Refreshes by how they ended", "result", RefreshResult::LABELS);
        let provider_logouts = two_labels(
            ours,
            "provider_logouts",
            "Sign-outs at the provider, by how they were told and what became of that",
            ("channel", Channel::LABELS),
            ("result", LogoutResult::LABELS),
        );
        let forgotten = counters(ours, "forgotten", "What had to be forgotten too early", "kind", Forgotten::LABELS);
        let provider_requests = two_labels(
            ours,
            "provider_requests",
            "Calls to the provider by how they ended",
            ("endpoint", Endpoint::LABELS),
            ("result", CallResult::LABELS),
        );
        let provider_durations = durations_of_calls(ours);
        let upstream_connections = gauge(ours, "upstream_connections", "Open connections to the application");
        let client_connections = gauge(ours, "client_connections", "Open connections from clients");
        let tunnels = gauge(ours, "tunnels", "Open tunnels (WebSockets)");
        let session_cookie_bytes = Histogram::of_bytes();
        ours.register(
            "session_cookie_bytes",
            "Bytes of cookies that a sealed session takes",
            session_cookie_bytes.clone(),
        );
        let config_reloads =
            counters(ours, "config_reloads", "Reloads of keys and configuration", "result", ReloadResult::LABELS);
        let refused_connections = counters(
            ours,
            "refused_connections",
            "Connections that were closed before their first request, and refused streams",
            "reason",
            RefusedConnection::LABELS,
        );

        Arc::new(Metrics {
            requests,
            durations,
            logins,
            refreshes,
            provider_logouts,
            forgotten,
            provider_requests,
            provider_durations,
            upstream_connections,
            client_connections,
            tunnels,
            session_cookie_bytes,
            config_reloads,
            refused_connections,
            registry,
        })
    }
}

/// A counter for each value of its one label, in the order of the values. `_total` is put behind the name by the encoder.
fn counters(
    registry: &mut Registry,
    name: &str,
    help: &str,
    label: &'static str,
    values: &[&'static str],
) -> Vec<Counter> {
    let family = Family::<OneLabel, Counter>::default();
    registry.register(name, help, family.clone());
    values.iter().map(|value| family.get_or_create_owned(&[(label, *value)])).collect()
}

fn durations(
    registry: &mut Registry,
    name: &str,
    help: &str,
    (label, values): (&'static str, &[&'static str]),
) -> Vec<Histogram> {
    let family = Family::<OneLabel, Histogram, fn() -> Histogram>::new_with_constructor(Histogram::of_seconds);
    registry.register_with_unit(name, help, Unit::Seconds, family.clone());
    values.iter().map(|value| family.get_or_create_owned(&[(label, *value)])).collect()
}

fn durations_of_calls(registry: &mut Registry) -> Vec<Histogram> {
    durations(
        registry,
        "provider_request_duration",
        "Time that calls to the provider took",
        ("endpoint", Endpoint::LABELS),
    )
}

type Label = (&'static str, &'static [&'static str]);

/// A counter for each pair of values, in their order.
fn two_labels(registry: &mut Registry, name: &str, help: &str, one: Label, two: Label) -> Vec<Vec<Counter>> {
    let family = Family::<TwoLabels, Counter>::default();
    registry.register(name, help, family.clone());
    let of = |first, second| family.get_or_create_owned(&[(one.0, first), (two.0, second)]);
    one.1.iter().map(|first| two.1.iter().map(|second| of(*first, *second)).collect()).collect()
}

fn gauge(registry: &mut Registry, name: &str, help: &str) -> Gauge {
    let gauge = Gauge::default();
    registry.register(name, help, gauge.clone());
    gauge
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line<'a>(text: &'a str, start: &str) -> &'a str {
        text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no line {start} in\n{text}"))
    }

    #[test]
    fn every_name_of_the_contract_is_there_before_the_first_request() {
        let text = Metrics::new().render();
        for name in [
            "tokigate_requests_total{decision=\"forwarded\"} 0",
            "tokigate_request_duration_seconds_count{part=\"gate\"} 0",
            "tokigate_request_duration_seconds_count{part=\"upstream\"} 0",
            "tokigate_logins_total{result=\"success\"} 0",
            "tokigate_refreshes_total{result=\"ended\"} 0",
            "tokigate_provider_requests_total{endpoint=\"token\",result=\"ok\"} 0",
            "tokigate_provider_request_duration_seconds_count{endpoint=\"userinfo\"} 0",
            "tokigate_provider_logouts_total{channel=\"back\",result=\"accepted\"} 0",
            "tokigate_forgotten_total{kind=\"front_channel\"} 0",
            "tokigate_upstream_connections 0",
            "tokigate_client_connections 0",
            "tokigate_tunnels 0",
            "tokigate_session_cookie_bytes_count 0",
            "tokigate_config_reloads_total{result=\"success\"} 0",
            "tokigate_refused_connections_total{reason=\"proxy_header_missing\"} 0",
        ] {
            assert_eq!(line(&text, name), name);
        }
        assert!(text.ends_with("# EOF\n"), "OpenMetrics wants its end marked");
    }

    #[test]
    fn each_decision_counts_under_its_own_name() {
        let metrics = Metrics::new();
        let all = [
            Decision::Forwarded,
            Decision::ForwardedPublic,
            Decision::Allowed,
            Decision::SignIn,
            Decision::Endpoint,
            Decision::Unauthenticated,
            Decision::Denied,
            Decision::NotServed,
            Decision::Malformed,
            Decision::ProviderAway,
        ];
        assert_eq!(all.map(Decision::label), Decision::LABELS);
        for (times, decision) in all.into_iter().enumerate() {
            for _ in 0..=times {
                metrics.decided(decision);
            }
        }
        let text = metrics.render();
        for (times, label) in Decision::LABELS.iter().enumerate() {
            let expected = format!("tokigate_requests_total{{decision=\"{label}\"}} {}", times + 1);
            assert_eq!(line(&text, &format!("tokigate_requests_total{{decision=\"{label}\"}}")), expected);
        }
    }

    #[test]
    fn a_call_counts_for_its_endpoint_and_its_result() {
        let metrics = Metrics::new();
        metrics.provider_call(Endpoint::Userinfo, CallResult::Unreachable, Duration::from_millis(3));
        let text = metrics.render();
        assert!(text.contains("tokigate_provider_requests_total{endpoint=\"userinfo\",result=\"unreachable\"} 1\n"));
        assert!(text.contains("tokigate_provider_requests_total{endpoint=\"token\",result=\"unreachable\"} 0\n"));
        assert!(text.contains("tokigate_provider_request_duration_seconds_count{endpoint=\"userinfo\"} 1\n"));
    }

    #[test]
    fn a_connection_counts_for_as_long_as_it_lives() {
        let metrics = Metrics::new();
        let first = metrics.client_connection();
        let second = metrics.client_connection();
        drop(first);
        assert!(metrics.render().contains("tokigate_client_connections 1\n"));
        drop(second);
        assert!(metrics.render().contains("tokigate_client_connections 0\n"));
    }
}
