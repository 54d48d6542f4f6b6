//! A cookie jar as browsers keep it (RFC 6265bis §5), on the world's clock.

use tokigate::testing::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    pub name: String,
    pub value: String,
    pub path: String,
    pub secure: bool,
    pub http_only: bool,
    pub same_site: Option<String>,
    /// Unix milliseconds; none: until the browser is closed.
    pub until: Option<u64>,
    /// As the line said.
    pub max_age: Option<i64>,
}

/// The cookies of one host; browsers do not tell its ports apart.
#[derive(Clone, Debug, Default)]
pub struct Jar(Vec<Cookie>);

/// From where and for what a request is made: decides which cookies go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    SameSite,
    /// A link or a redirect leads a tab here.
    CrossSiteNavigation,
    CrossSite,
}

impl Cookie {
    /// Without attributes.
    fn plain(name: &str, value: &str) -> Cookie {
        Cookie {
            name: name.to_owned(),
            value: value.to_owned(),
            path: "/".to_owned(),
            secure: false,
            http_only: false,
            same_site: None,
            until: None,
            max_age: None,
        }
    }

    /// Reads a `Set-Cookie` line; none where a browser on this origin would not take it.
    pub fn read(line: &str, https: bool, now: Timestamp) -> Option<Cookie> {
        let mut parts = line.split(';').map(str::trim);
        let (name, value) = parts.next()?.split_once('=')?;
        // §5.6: name and value together.
        if name.len() + value.len() > 4096 {
            return None;
        }
        let mut cookie = Cookie::plain(name, value);
        let mut domain = false;
        let mut path = false;
        for part in parts {
            let (attribute, value) = part.split_once('=').unwrap_or((part, ""));
            match attribute.to_ascii_lowercase().as_str() {
                "path" => {
                    path = true;
                    cookie.path = value.to_owned();
                }
                "domain" => domain = true,
                "secure" => cookie.secure = true,
                "httponly" => cookie.http_only = true,
                "samesite" => cookie.same_site = Some(value.to_owned()),
                "max-age" => cookie.max_age = value.parse().ok(),
                other => panic!("an attribute that nobody asked for: {other} in {line}"),
            }
        }
        if let Some(max_age) = cookie.max_age {
            cookie.until = Some(now.unix_millis().saturating_add_signed(max_age.saturating_mul(1000)));
        }
        let host_bound = name.starts_with("__Host-");
        if (cookie.secure && !https) || (host_bound && (!cookie.secure || domain || !path || cookie.path != "/")) {
            return None;
        }
        assert!(!domain, "no Domain: {line}");
        Some(cookie)
    }
}

impl Jar {
    pub fn take(&mut self, line: &str, https: bool, now: Timestamp) {
        let Some(cookie) = Cookie::read(line, https, now) else { return };
        let known = self.0.iter().position(|known| known.name == cookie.name && known.path == cookie.path);
        let over = cookie.until.is_some_and(|until| until <= now.unix_millis());
        match (known, over) {
            (Some(at), true) => drop(self.0.remove(at)),
            (Some(at), false) => self.0[at] = cookie,
            (None, true) => {}
            (None, false) => self.0.push(cookie),
        }
    }

    /// The `Cookie` line for a request.
    pub fn line(&self, target: &str, https: bool, from: From, now: Timestamp) -> Option<String> {
        let path = target.split('?').next().unwrap_or_default();
        let goes = |cookie: &&Cookie| {
            let lax = !matches!(cookie.same_site.as_deref(), Some("Strict" | "None"));
            let strict = cookie.same_site.as_deref() == Some("Strict");
            cookie.until.is_none_or(|until| until > now.unix_millis())
                && (https || !cookie.secure)
                && (cookie.path == "/" || path.starts_with(&cookie.path))
                && match from {
                    From::SameSite => true,
                    From::CrossSiteNavigation => !strict,
                    From::CrossSite => !strict && !lax,
                }
        };
        let pairs: Vec<String> =
            self.0.iter().filter(goes).map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// Those that a browser would still send now.
    pub fn live(&self, now: Timestamp) -> Vec<Cookie> {
        let alive = |cookie: &&Cookie| cookie.until.is_none_or(|until| until > now.unix_millis());
        self.0.iter().filter(alive).cloned().collect()
    }

    pub fn get(&self, name: &str) -> Option<&Cookie> {
        self.0.iter().find(|cookie| cookie.name == name)
    }

    /// As a person with the developer tools would.
    pub fn put(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.0.push(Cookie::plain(name, value));
    }

    pub fn remove(&mut self, name: &str) {
        self.0.retain(|cookie| cookie.name != name);
    }

    pub fn retain(&mut self, keep: impl Fn(&Cookie) -> bool) {
        self.0.retain(|cookie| keep(cookie));
    }

    /// Cookies that never run out on their own: what an attacker's jar does.
    pub fn keep_for_ever(&mut self) {
        self.0.iter_mut().for_each(|cookie| cookie.until = None);
    }
}
