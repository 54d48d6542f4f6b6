//! What rules cost a request: nanoseconds for one decision, by their number and shape. `cargo bench --bench rules`; docs/performance.md has the figures.

use std::hint::black_box;
use std::time::Duration;

use tokigate::testing::Rules;
use tokio::time::Instant;

/// A name, the path of rule number `%`, and the targets that are asked for in turn.
type Shape = (&'static str, &'static str, &'static [&'static str]);

const SHAPES: [Shape; 9] = [
    ("/team-%/**, the middle one", "/team-%/**", &["/team-5/page", "/team-500/a/b/c.html"]),
    ("/team-%/**, none of them", "/team-%/**", &["/", "/api/v1/things/17"]),
    ("/api/*/item-%", "/api/*/item-%", &["/api/x/item-999", "/api/y/item-0"]),
    ("/**/leaf-%", "/**/leaf-%", &["/a/b/c/leaf-999", "/a/b/c/d/e/f"]),
    ("/T-%/Page, in capitals", "/T-%/Page", &["/T-7/Page", "/t-7/PAGE"]),
    ("/team-%/**, an odd target", "/team-%/**", &["/team-5/a%20b", "/x/../team-5//a"]),
    ("/x-%-*/y: stars in names", "/x-%-*/y", &["/x-500-abc/y", "/x-none/y"]),
    ("/**/*.e%: endings", "/**/*.e%", &["/a/b/c/d.e500", "/a/b/c/d.none"]),
    ("/%/**/a/**/b: stars in rows", "/**/a/**/b%", &["/a/a/a/a/a/b500", "/x/a/x/a/x/a"]),
];

fn main() {
    println!("{:<30} {:>9} {:>9} {:>9}   ns for one decision", "rules", 0, 10, 1000);
    for (name, path, targets) in SHAPES {
        let cost = [0, 10, 1000].map(|count| {
            let paths: Vec<String> = (0..count).map(|index| path.replace('%', &index.to_string())).collect();
            nanoseconds(&Rules::new(&paths), targets)
        });
        println!("{name:<30} {:>9.0} {:>9.0} {:>9.0}", cost[0], cost[1], cost[2]);
    }
    println!("\n{:<30} {:>9} {:>9} {:>9}", "the dearest, by bytes", 1_000, 5_000, 60_000);
    for name in ["/team-%/**", "/**/*.e%"] {
        let rules = Rules::new(&(0..10).map(|index| name.replace('%', &index.to_string())).collect::<Vec<_>>());
        let cost = [1_000, 5_000, 60_000].map(|bytes| nanoseconds(&rules, &[&dearest(&rules, bytes)]));
        println!("{name:<30} {:>9.0} {:>9.0} {:>9.0}", cost[0], cost[1], cost[2]);
    }
}

/// Of targets that read in more and more ways, the one that costs the most.
fn dearest(rules: &Rules, bytes: usize) -> String {
    let odd =
        ["/a%20b", "/x;1/%2e%2e;a", "/x;1/%2e%2e;a/%5c", "/x;1/%252e%252e;a/%2fb", "/x;1/%252e%252e;a/%2fb//%5c.."];
    let targets = odd.map(|odd| odd.to_owned() + &"/a".repeat((bytes - odd.len()) / 2));
    let cost = |target: &String| nanoseconds(rules, &[target]);
    targets.into_iter().max_by(|one, other| cost(one).total_cmp(&cost(other))).unwrap_or_default()
}

/// The best of several rounds: the machine may be busy, a decision is never faster than it can be.
fn nanoseconds(rules: &Rules, targets: &[&str]) -> f64 {
    let round = |times: u32| {
        let began = Instant::now();
        for _ in 0..times {
            for target in targets {
                black_box(rules.judge(black_box(target)));
            }
        }
        began.elapsed()
    };
    let mut times = 1;
    while round(times) < Duration::from_millis(5) {
        times *= 2;
    }
    let best = (0..15).map(|_| round(times)).min().unwrap_or_default();
    best.as_secs_f64() * 1e9 / f64::from(times) / targets.len() as f64
}
