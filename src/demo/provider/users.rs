//! Who can sign in.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// The people of the stand-in; never none, no two with the same identifier.
#[derive(Debug, Clone)]
pub struct Users(Vec<User>);

#[derive(Debug, Clone)]
pub struct User {
    /// TOKI's `userId`.
    pub id: String,
    /// `sub` of ID tokens: another identifier on purpose, since nobody promises that the two are one.
    pub sub: String,
    /// What user info says, `userId` included, in TOKI's names.
    pub claims: Map<String, Value>,
}

impl User {
    /// First and last name, else `name`, else the identifier.
    pub fn display_name(&self) -> String {
        let text = |claim| self.claims.get(claim).and_then(Value::as_str).unwrap_or_default();
        let full = format!("{} {}", text("firstName"), text("lastName"));
        [full.trim(), text("name")].into_iter().find(|name| !name.is_empty()).unwrap_or(&self.id).to_owned()
    }

    /// The claims under the names of OpenID Connect Core §5.1, those without one as they are.
    pub fn openid_claims(&self) -> Map<String, Value> {
        let mut claims = Map::new();
        claims.insert("sub".into(), self.sub.clone().into());
        claims.insert("name".into(), self.display_name().into());
        for (name, value) in &self.claims {
            let standard = match name.as_str() {
                "firstName" => "given_name",
                "lastName" => "family_name",
                "dob" => "birthdate",
                "phoneNo" => "phone_number",
                other => other,
            };
            claims.insert(standard.to_owned(), value.clone());
        }
        if claims.contains_key("email") && !claims.contains_key("email_verified") {
            claims.insert("email_verified".into(), true.into());
        }
        claims
    }

    fn read(at: usize, value: Value) -> Result<Self, Mistake> {
        let Value::Object(mut claims) = value else { return Err(Mistake::NoTable(at)) };
        let id = match claims.get("userId") {
            Some(Value::String(id)) if !id.is_empty() => id.clone(),
            Some(Value::Number(id)) => id.to_string(),
            Some(_) => {
                return Err(Mistake::WrongType { at, claim: "userId", wanted: "a non-empty string or a number" });
            }
            None => return Err(Mistake::NoUserId(at)),
        };
        let strings = |value: &Value| value.as_array().is_some_and(|all| all.iter().all(Value::is_string));
        if claims.get("groups").is_some_and(|groups| !strings(groups)) {
            return Err(Mistake::WrongType { at, claim: "groups", wanted: "a list of strings" });
        }
        for claim in ["sub", "firstName", "lastName", "name", "email"] {
            if claims.get(claim).is_some_and(|value| !value.is_string()) {
                return Err(Mistake::WrongType { at, claim, wanted: "a string" });
            }
        }
        claims.insert("userId".into(), id.clone().into());
        let sub = claims.get("sub").and_then(Value::as_str).map_or_else(|| subject_of(&id), str::to_owned);
        Ok(Self { id, sub, claims })
    }
}

impl Users {
    /// Cyrillic names, an ASCII one, with and without an e-mail address, groups with a comma and with Cyrillic letters.
    pub fn demo() -> Self {
        let people = json!([
            { "userId": "100001", "firstName": "Бат", "lastName": "Дорж", "nationalId": "АА00112233", "dob": "1990-01-01",
              "phoneNo": "99112233", "email": "bat.dorj@example.mn", "groups": ["admin", "staff"] },
            { "userId": "100002", "firstName": "Сараа", "lastName": "Ганболд", "nationalId": "УБ95041712", "dob": "1995-04-17",
              "phoneNo": "88123456" },
            { "userId": "100003", "firstName": "Өнөрмаа", "lastName": "Түвшинжаргал", "nationalId": "ЧЛ88112504", "dob": "1988-11-25",
              "phoneNo": "95667788", "email": "unurmaa@example.mn", "groups": ["staff", "Санхүү, тайлан"] },
            { "userId": "100004", "firstName": "Anna", "lastName": "Smith", "nationalId": "FF00000042", "dob": "1979-06-30",
              "phoneNo": "80004242", "email": "anna.smith@example.com", "groups": ["partners"] },
            { "userId": "100005", "firstName": "Тэмүүлэн", "lastName": "Энхтайван", "nationalId": "ХА01220119", "dob": "2001-12-19",
              "phoneNo": "94010203", "groups": [] },
        ]);
        Self::read(people).expect("the list above has no mistakes")
    }

    /// Reads a list of users: a JSON array, or an object or TOML file with `users`. Each has `userId`; every other claim is passed on.
    pub fn from_file(path: &Path) -> Result<Self, UsersError> {
        let wrong = |mistake| UsersError { path: path.to_owned(), mistake };
        let text = std::fs::read_to_string(path).map_err(|e| wrong(Mistake::Unreadable(e)))?;
        let is_json = path.extension().is_some_and(|ext| ext.eq_ignore_ascii_case("json"))
            || (path.extension().is_none()
                && text.trim_start().starts_with(['{', '['])
                && !text.trim_start().starts_with("[["));
        let people = if is_json {
            serde_json::from_str(&text).map_err(|e| wrong(Mistake::Json(e)))?
        } else {
            toml::from_str(&text).map(json_of_table).map_err(|e| wrong(Mistake::Toml(Box::new(e))))?
        };
        Self::read(people).map_err(wrong)
    }

    pub fn iter(&self) -> impl Iterator<Item = &User> {
        self.0.iter()
    }

    pub fn get(&self, id: &str) -> Option<&User> {
        self.0.iter().find(|user| user.id == id)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut User> {
        self.0.iter_mut().find(|user| user.id == id)
    }

    fn read(people: Value) -> Result<Self, Mistake> {
        let list = match people {
            Value::Object(mut file) => file.remove("users").ok_or(Mistake::NoList)?,
            other => other,
        };
        let Value::Array(list) = list else { return Err(Mistake::NoList) };
        let mut users: Vec<User> = Vec::with_capacity(list.len());
        for (at, value) in list.into_iter().enumerate() {
            let user = User::read(at + 1, value)?;
            if users.iter().any(|known| known.id == user.id) {
                return Err(Mistake::Twice(user.id));
            }
            users.push(user);
        }
        if users.is_empty() { Err(Mistake::Nobody) } else { Ok(Self(users)) }
    }
}

/// Why a file of users was not taken.
#[derive(Debug, thiserror::Error)]
#[error("{}: {mistake}", path.display())]
pub struct UsersError {
    path: PathBuf,
    mistake: Mistake,
}

#[derive(Debug, thiserror::Error)]
enum Mistake {
    #[error("cannot be read: {0}")]
    Unreadable(std::io::Error),
    #[error("is not JSON: {0}")]
    Json(serde_json::Error),
    #[error("is not TOML: {0}")]
    Toml(Box<toml::de::Error>),
    #[error("has no list of users; write [[users]] (TOML), or [{{…}}] or {{\"users\": [{{…}}]}} (JSON)")]
    NoList,
    #[error("names no user")]
    Nobody,
    #[error("user number {0} is not a table of claims")]
    NoTable(usize),
    #[error("user number {0} has no userId")]
    NoUserId(usize),
    #[error("user number {at}: {claim} must be {wanted}")]
    WrongType { at: usize, claim: &'static str, wanted: &'static str },
    #[error("userId {0:?} is there twice")]
    Twice(String),
}

fn subject_of(id: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(format!("subject of {id}"))[..16])
}

/// TOML's dates become strings, which is what user info says them as.
fn json_of(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(yes) => yes.into(),
        toml::Value::Datetime(date) => date.to_string().into(),
        toml::Value::Array(list) => list.into_iter().map(json_of).collect(),
        toml::Value::Table(table) => json_of_table(table),
    }
}

fn json_of_table(table: toml::Table) -> Value {
    Value::Object(table.into_iter().map(|(name, value)| (name, json_of(value))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(name: &str, text: &str) -> Result<Users, String> {
        let path = std::env::temp_dir().join(format!("tokigate-users-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        let users = Users::from_file(&path);
        std::fs::remove_file(&path).unwrap();
        users.map_err(|error| error.to_string())
    }

    #[test]
    fn toml_and_json_say_the_same() {
        let toml = taken("a.toml", "[[users]]\nuserId = 7\nfirstName = \"Бат\"\ndob = 1990-01-01\n").unwrap();
        let json = taken("a.json", r#"[{"userId": "7", "firstName": "Бат", "dob": "1990-01-01"}]"#).unwrap();
        assert_eq!(toml.get("7").unwrap().claims, json.get("7").unwrap().claims);
    }

    #[test]
    fn a_mistake_names_file_user_and_mend() {
        assert!(taken("b.json", r#"[{"firstName": "Бат"}]"#).unwrap_err().ends_with("user number 1 has no userId"));
        assert!(
            taken("c.json", r#"[{"userId": "1"}, {"userId": 1}]"#)
                .unwrap_err()
                .ends_with("userId \"1\" is there twice")
        );
        assert!(
            taken("d.json", r#"[{"userId": "1", "groups": "admin"}]"#)
                .unwrap_err()
                .ends_with("groups must be a list of strings")
        );
        assert!(taken("e.toml", "").unwrap_err().contains("write [[users]]"));
        assert!(taken("f.json", "[]").unwrap_err().ends_with("names no user"));
        assert!(taken("g.json", "{").unwrap_err().contains("is not JSON: EOF"));
    }

    #[test]
    fn sub_and_user_id_are_not_the_same() {
        assert!(Users::demo().iter().all(|user| user.sub != user.id));
    }
}
