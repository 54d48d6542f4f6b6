use super::*;
use crate::session::samples::noise;
use proptest::prelude::*;

const ROOM: usize = 100;

fn join_values(values: &[Option<String>]) -> Option<String> {
    let came = values.iter().flatten().count();
    let joined = join(came, |index| values.get(usize::from(index))?.as_deref().map(str::as_bytes))?;
    Some(String::from_utf8(joined.into_owned()).expect("what was split was text"))
}

fn pieces_of(text: &str) -> Vec<Option<String>> {
    split(text, ROOM).expect("few enough").into_iter().map(Some).collect()
}

#[test]
fn every_length_comes_back_and_fits_around_each_boundary() {
    for len in 44..ROOM * 16 - 200 {
        let text = noise(len);
        let values = split(&text, ROOM).expect("few enough");
        assert!(values.iter().all(|value| value.len() <= ROOM && value.len() > 1), "{len}");
        assert_eq!(values.len(), usize::from(pieces(len, ROOM).expect("few enough")));
        assert_eq!(values.iter().map(String::len).sum::<usize>(), len + overhead(values.len() as u8), "{len}");
        assert_eq!(join_values(&pieces_of(&text)), Some(text), "{len}");
    }
}

#[test]
fn sixteen_pieces_are_the_most() {
    let most = ROOM - 1 + 15 * (ROOM - LATER_HEAD);
    assert_eq!(split(&noise(most), ROOM).expect("just").len(), 16);
    assert_eq!(split(&noise(most + 1), ROOM), None);
    assert_eq!(pieces(usize::MAX, ROOM), None);
}

#[test]
fn a_lost_piece_is_noticed() {
    let whole = pieces_of(&noise(400));
    for lost in 0..whole.len() {
        let mut values = whole.clone();
        values[lost] = None;
        assert_eq!(join_values(&values), None, "{lost}");
    }
}

#[test]
fn a_surplus_piece_is_noticed() {
    let mut values = pieces_of(&noise(400));
    values.push(values[1].clone());
    assert_eq!(join_values(&values), None);
    let mut one = pieces_of(&noise(50));
    one.push(values[1].clone());
    assert_eq!(join_values(&one), None);
}

#[test]
fn swapped_pieces_are_noticed() {
    let whole = pieces_of(&noise(400));
    for one in 0..whole.len() {
        for other in one + 1..whole.len() {
            let mut values = whole.clone();
            values.swap(one, other);
            assert_eq!(join_values(&values), None, "{one} {other}");
        }
    }
}

#[test]
fn a_piece_of_another_sealing_is_noticed() {
    let (one, other) = (pieces_of(&noise(400)), pieces_of(&noise(399)));
    for from_other in 1..one.len() {
        let mut values = one.clone();
        values[from_other] = other[from_other].clone();
        assert_eq!(join_values(&values), None, "{from_other}");
    }
}

#[test]
fn a_count_that_is_none_is_no_part() {
    for count in ["", "`", "q", "0", "1", "A", "-1", "99999", "0x9", "\u{ff}", "{"] {
        let value = format!("{count}{}", noise(60));
        assert_eq!(join_values(&[Some(value)]), None, "{count:?}");
    }
}

#[test]
fn a_single_piece_is_not_copied() {
    let value = format!("a{}", noise(60));
    assert!(matches!(join(1, |_| Some(value.as_bytes())), Some(Cow::Borrowed(_))));
}

proptest! {
    #[test]
    fn whatever_comes_breaks_nothing(
        values in proptest::collection::vec(proptest::option::of("[a-q]{0,2}[A-Za-z0-9_-]{0,12}"), 0..20),
        came in 0..20usize,
    ) {
        let _ = join(came, |index| values.get(usize::from(index))?.as_deref().map(str::as_bytes));
    }
}
