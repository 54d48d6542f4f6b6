//! The key ring: the first seals, once `key_delay` is over; all open; a file that changes is read again. Issue 2 §3.

use std::path::PathBuf;
use std::time::Duration;

use crate::world::{BAT, Browser, KEY as OLD, OTHER_KEY as NEW, World};

/// A file of keys, gone with the test.
struct KeysFile(PathBuf);

impl KeysFile {
    fn new(keys: &[&str]) -> KeysFile {
        let file = KeysFile(std::env::temp_dir().join(format!("tokigate-keys-{}", crate::world::free_port())));
        file.write(keys);
        file
    }

    /// As a mounted secret changes: at once.
    fn write(&self, keys: &[&str]) {
        let beside = self.0.with_extension("new");
        std::fs::write(&beside, format!("# keys\n\n{}\n", keys.join("\n"))).unwrap();
        std::fs::rename(&beside, &self.0).unwrap();
    }
}

impl Drop for KeysFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn world_of(keys: &KeysFile) -> World {
    let path = format!("{:?}", keys.0.display().to_string());
    let world = World::with(|setup| {
        setup.unset("session", "keys");
        setup.session("keys_file", &path);
    });
    world.await
}

/// Whether what this gate seals now opens under these keys alone.
async fn seals_for(browser: &Browser, keys: &[&str], world: &World) -> bool {
    let list = format!("{keys:?}");
    let other = world.beside(|setup| {
        setup.session("keys", &list);
        setup.session("cookie_name", &format!("{:?}", world.setup.cookie()));
    });
    let other = other.await;
    let there = other.browser();
    for cookie in browser.cookies() {
        there.jar().put(&cookie.name, &cookie.value);
    }
    there.fetch("/deep/a").await.status == 200
}

async fn reloaded(world: &World) {
    // The file is looked at every few seconds, by the machine's time.
    for _ in 0..200 {
        if world.admin("/metrics").await.text().lines().any(|line| {
            line.starts_with("tokigate_config_reloads_total") && line.contains("success") && !line.ends_with(" 0")
        }) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("reloaded within ten seconds");
}

#[tokio::test]
async fn a_new_first_key_opens_at_once_seals_after_the_delay_and_reseals_what_the_old_one_sealed() {
    let file = KeysFile::new(&[OLD]);
    let world = world_of(&file).await;
    let browser = world.signed_in(BAT).await;
    assert!(seals_for(&browser, &[OLD], &world).await);
    file.write(&[NEW, OLD]);
    reloaded(&world).await;
    // Another replica that seals with the new key already is understood.
    let replica = world.beside(|setup| {
        setup.session("keys", &format!("{:?}", [NEW]));
        setup.session("cookie_name", &format!("{:?}", world.setup.cookie()));
    });
    let replica = replica.await;
    let there = replica.signed_in(BAT).await;
    let here = world.browser();
    for cookie in there.cookies() {
        here.jar().put(&cookie.name, &cookie.value);
    }
    assert_eq!(here.fetch("/deep/a").await.status, 200, "all open");
    // Within the delay the old key seals.
    let early = world.signed_in(BAT).await;
    assert!(seals_for(&early, &[OLD], &world).await && !seals_for(&early, &[NEW], &world).await);
    world.turn(301);
    let late = world.signed_in(BAT).await;
    assert!(seals_for(&late, &[NEW], &world).await, "after it, the new one");
    browser.load("/deep/a").await;
    assert!(seals_for(&browser, &[NEW], &world).await, "sealed anew at the next occasion");
}

#[tokio::test]
async fn a_key_that_is_gone_ends_what_it_sealed_and_nothing_breaks() {
    let file = KeysFile::new(&[OLD]);
    let world = world_of(&file).await;
    let browser = world.signed_in(BAT).await;
    file.write(&[NEW]);
    reloaded(&world).await;
    assert_eq!(browser.fetch("/deep/a").await.status, 401);
    assert_eq!(browser.sign_in(BAT, "/deep/a").await.status, 200);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_leaves_the_keys_as_they_were() {
    let file = KeysFile::new(&[OLD]);
    let world = world_of(&file).await;
    let browser = world.signed_in(BAT).await;
    file.write(&["no key at all"]);
    for _ in 0..200 {
        let metrics = world.admin("/metrics").await.text();
        if metrics.lines().any(|line| {
            line.starts_with("tokigate_config_reloads_total") && line.contains("failure") && !line.ends_with(" 0")
        }) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(browser.fetch("/deep/a").await.status, 200);
    world.signed_in(BAT).await;
}

#[tokio::test]
async fn what_an_old_key_sealed_is_sealed_anew_on_a_gate_that_knows_both_from_its_start() {
    let mut world = World::new().await;
    let browser = world.signed_in(BAT).await;
    world.restart(|setup| {
        setup.session("keys", &format!("{:?}", [NEW, OLD]));
        setup.session("key_delay", "\"0s\"");
    });
    let reply = browser.load("/deep/a").await;
    assert_eq!(reply.status, 200);
    assert!(!reply.set_cookies().is_empty());
    world.restart(|setup| setup.session("keys", &format!("{:?}", [NEW])));
    assert_eq!(browser.fetch("/deep/a").await.status, 200);
}

#[tokio::test]
async fn without_a_key_on_loopback_a_session_lasts_as_long_as_the_process() {
    let mut world = World::with(|setup| setup.unset("session", "keys")).await;
    let browser = world.signed_in(BAT).await;
    assert_eq!(browser.fetch("/deep/a").await.status, 200);
    world.restart(|_| {});
    assert_eq!(browser.fetch("/deep/a").await.status, 401);
}

#[tokio::test]
async fn sessions_survive_a_restart() {
    let mut world = World::new().await;
    let browser = world.signed_in(BAT).await;
    world.restart(|_| {});
    assert_eq!(browser.fetch("/deep/a").await.status, 200);
    world.turn(61);
    assert_eq!(browser.fetch("/deep/a").await.status, 200, "and its tokens are refreshed");
}
