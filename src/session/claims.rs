//! The claims that headers and rules need, in one compact record that is read in place.

/// A record of named claims; cheap to clone. Names are the dotted paths that the configuration uses.
#[derive(Clone, Default, PartialEq)]
pub struct Claims(bytes::Bytes);

/// One claim, read in place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Claim<'a> {
    Text(&'a str),
    /// As the provider wrote it.
    Number(&'a str),
    Bool(bool),
    List(List<'a>),
}

/// The elements of a list claim, as text.
#[derive(Clone, Copy, PartialEq)]
pub struct List<'a>(&'a [u8]);

impl std::fmt::Debug for List<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("List(…)")
    }
}

impl<'a> Iterator for List<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let _ = self.0;
        todo!()
    }
}

impl Claims {
    /// Takes the values at `paths` (dotted; an exact top-level name wins over a path) out of `object`; objects, nulls and nested lists count as missing.
    pub fn select<'p>(
        object: &serde_json::Map<String, serde_json::Value>,
        paths: impl Iterator<Item = &'p str>,
    ) -> Claims {
        let _ = (object, paths);
        todo!()
    }

    pub fn get(&self, path: &str) -> Option<Claim<'_>> {
        let _ = (path, &self.0);
        todo!()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, Claim<'_>)> {
        std::iter::empty()
    }

    /// For `/userinfo` and for carrying claims over a refresh.
    pub fn to_json(&self) -> serde_json::Map<String, serde_json::Value> {
        todo!()
    }
}

impl std::fmt::Debug for Claims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Claims(…)")
    }
}
