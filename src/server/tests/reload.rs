//! Keys that change beside everything else.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;

use super::house::Gatehouse;
use crate::files::Files;
use crate::oidc::Secret;
use crate::server::site::House;
use crate::session::samples::{NOW, context};
use crate::session::{KeyRing, Purpose};

/// A file of keys, gone with the test.
struct File(PathBuf);

impl File {
    fn of(keys: &[u8]) -> File {
        let mut name = [0; 8];
        getrandom::fill(&mut name).unwrap();
        let file = File(std::env::temp_dir().join(format!("tokigate-keys-{:x}", u64::from_le_bytes(name))));
        file.write(keys);
        file
    }

    fn write(&self, keys: &[u8]) {
        let line = |key: &u8| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes(*key)) + "\n";
        std::fs::write(&self.0, keys.iter().map(line).collect::<String>()).unwrap();
    }

    fn looked_at(&self) -> Files {
        Files::new("keys", "session.keys_file", vec![self.0.clone()])
    }

    fn look(&self, files: &mut Files, house: &House) {
        files.look(&house.metrics, || house.read_keys(&self.0, Duration::ZERO));
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// One byte over and over would be no key.
fn bytes(key: u8) -> [u8; 32] {
    std::array::from_fn(|index| if index == 0 { key } else { 9 })
}

fn ring(key: u8) -> KeyRing {
    KeyRing::new(vec![Secret::new(bytes(key))], context(), Duration::ZERO, NOW).unwrap()
}

fn opens(house: &House, sealed_by: u8) -> bool {
    let text = ring(sealed_by).seal(Purpose::State, b"x", NOW);
    house.site.load().keys.open(Purpose::State, text.as_bytes()).is_some()
}

#[tokio::test]
async fn keys_that_changed_while_it_started_are_seen_and_so_are_later_ones() {
    let house = Gatehouse::new().await.house;
    let file = File::of(&[1]);
    let mut files = file.looked_at();
    file.write(&[2, 1]);
    file.look(&mut files, &house);
    assert!(opens(&house, 1) && opens(&house, 2));
    file.write(&[3, 2]);
    file.look(&mut files, &house);
    assert!(!opens(&house, 1) && opens(&house, 2) && opens(&house, 3));
}

#[tokio::test]
async fn a_file_that_says_what_is_known_or_nothing_changes_nothing() {
    let house = Gatehouse::new().await.house;
    let before = house.site.load_full();
    let file = File::of(&[1]);
    let mut files = file.looked_at();
    for keys in [&[1][..], &[]] {
        file.write(keys);
        file.look(&mut files, &house);
        assert!(Arc::ptr_eq(&before, &house.site.load_full()));
    }
}
