//! The nearest name to one that nobody knows.

/// The nearest of these names, if there are any. Letters that changed places count once.
pub fn nearest(name: &str, names: impl Iterator<Item = String>) -> Option<String> {
    names.min_by_key(|known| strsim::damerau_levenshtein(name, known))
}

/// What an unknown key was probably meant to be: a key of the same table that is spelled almost so, one of another table with that very name, or
/// else the nearest of all.
pub fn nearest_key(key: &str, keys: &[String]) -> Option<String> {
    let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
    let split =
        |known: &String| known.rsplit_once('.').map_or((String::new(), known.clone()), |(t, n)| (t.into(), n.into()));
    let beside = keys.iter().filter(|known| split(known).0 == table);
    let almost = beside
        .map(|known| (strsim::damerau_levenshtein(name, &split(known).1), known))
        .filter(|(distance, _)| *distance <= ALMOST)
        .min_by_key(|(distance, _)| *distance);
    let elsewhere = || keys.iter().find(|known| split(known).1 == name);
    match almost {
        Some((_, known)) => Some(known.clone()),
        None => elsewhere().cloned().or_else(|| nearest(key, keys.iter().cloned())),
    }
}

const ALMOST: usize = 2;
