//! A browser: a jar, and the habits of one. Its clones are tabs of it; [`Browser::copy`] is another browser with the same cookies.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use rustls::ClientConfig;
use tokigate::testing::Clock;

use super::ask::{Ask, Reply, Speaks, Stream};
use super::jar::{Cookie, From, Jar};

#[derive(Clone)]
pub struct Browser {
    home: String,
    door: Arc<Mutex<SocketAddr>>,
    provider: (String, SocketAddr),
    jar: Arc<Mutex<Jar>>,
    clock: Clock,
    speaks: Speaks,
    tls: Option<Arc<ClientConfig>>,
}

impl Browser {
    pub(super) fn new(
        home: String,
        door: Arc<Mutex<SocketAddr>>,
        provider: (String, SocketAddr),
        clock: Clock,
    ) -> Browser {
        Browser { home, door, provider, jar: Arc::default(), clock, speaks: Speaks::Http1, tls: None }
    }

    /// One that speaks TLS with the gate.
    pub fn over(self, tls: &Arc<ClientConfig>) -> Browser {
        Browser { tls: Some(Arc::clone(tls)), ..self }
    }

    /// With the cookies as they are now, and a jar of its own.
    pub fn copy(&self) -> Browser {
        Browser { jar: Arc::new(Mutex::new(self.jar().clone())), ..self.clone() }
    }

    /// The same browser, whose requests come to this door: what stands before several replicas chooses one.
    pub fn through(&self, door: &Arc<Mutex<SocketAddr>>) -> Browser {
        Browser { door: Arc::clone(door), ..self.clone() }
    }

    /// The same browser, in this protocol.
    pub fn speaking(&self, speaks: Speaks) -> Browser {
        Browser { speaks, ..self.clone() }
    }

    pub fn jar(&self) -> MutexGuard<'_, Jar> {
        self.jar.lock().unwrap()
    }

    pub fn cookies(&self) -> Vec<Cookie> {
        self.jar().live(self.clock.now())
    }

    /// Names of the cookies that would be sent now, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.cookies().into_iter().map(|cookie| cookie.name).collect();
        names.sort();
        names
    }

    /// An address that is typed, redirects not followed.
    pub async fn load(&self, target: &str) -> Reply {
        self.send(Ask::page(target)).await
    }

    /// The provider sends the browser here.
    pub async fn come_back(&self, target: &str) -> Reply {
        self.send(Ask::page_from_elsewhere(target)).await
    }

    /// `fetch()`.
    pub async fn fetch(&self, target: &str) -> Reply {
        self.send(Ask::script(target)).await
    }

    /// Sends with the cookies, and stores what comes.
    pub async fn send(&self, ask: Ask) -> Reply {
        let reply = self.send_only(ask).await;
        self.take(&reply);
        reply
    }

    /// Sends with the cookies as they are now; what comes waits for [`Browser::take`].
    pub async fn send_only(&self, ask: Ask) -> Reply {
        let (address, ask) = self.ready(ask);
        ask.send_over(self.tls.as_ref(), address, self.host()).await
    }

    /// The head is stored, the body goes on.
    pub async fn open(&self, ask: Ask) -> Stream {
        let (address, ask) = self.ready(ask);
        let stream = ask.open_over(self.tls.as_ref(), address, self.host()).await;
        self.store(&stream.headers);
        stream
    }

    pub fn take(&self, reply: &Reply) {
        self.store(&reply.headers);
    }

    /// The `Cookie` line of a request from this site.
    pub fn cookie_line(&self) -> String {
        self.jar().line("/", self.https(), From::SameSite, self.clock.now()).unwrap_or_default()
    }

    /// From the address asked for through the provider back to it; asserts every step on the way.
    pub async fn sign_in(&self, user: &str, target: &str) -> Reply {
        let start = self.load(target).await;
        assert_eq!(start.status, 302, "{start}");
        let back = self.at_provider(&start, user).await;
        let callback = self.come_back(&back).await;
        assert_eq!(callback.status, 302, "{callback}");
        let last = self.inside(&callback.location()).unwrap_or_else(|| panic!("to this site: {callback}"));
        assert_eq!(last, target);
        self.come_back(&last).await
    }

    /// Signs in from an address of the gate's own; where that leads.
    pub async fn sign_in_by(&self, start: &str, user: &str) -> String {
        let start = self.load(start).await;
        let back = self.at_provider(&start, user).await;
        let done = self.come_back(&back).await;
        self.inside(&done.location()).unwrap_or_else(|| panic!("to this site: {done}"))
    }

    /// The user chooses a name and allows it: the callback's target.
    pub async fn at_provider(&self, to_provider: &Reply, user: &str) -> String {
        let location = to_provider.location();
        let (origin, address) = &self.provider;
        let target = location.strip_prefix(origin).unwrap_or_else(|| panic!("to the provider: {to_provider}"));
        let form = format!("user={user}&decision=allow");
        let decided = Ask::plain(target).form(&form).send(*address, &address.to_string()).await;
        assert_eq!(decided.status, 303, "{decided}");
        self.inside(&decided.location()).unwrap_or_else(|| panic!("back here: {decided}"))
    }

    /// The target of an address, where it is on this site.
    pub fn inside(&self, location: &str) -> Option<String> {
        let target = location.strip_prefix(&self.home)?;
        (target.is_empty() || target.starts_with(['/', '?']))
            .then(|| if target.starts_with('/') { target.to_owned() } else { format!("/{target}") })
    }

    /// The JSON of `/session`.
    pub async fn session(&self) -> serde_json::Value {
        let reply = self.fetch("/oauth2/session").await;
        assert_eq!(reply.status, 200, "{reply}");
        reply.json()
    }

    pub async fn is_signed_in(&self) -> bool {
        self.session().await["active"] == true
    }

    fn ready(&self, ask: Ask) -> (SocketAddr, Ask) {
        let from = match (ask.header("sec-fetch-site"), ask.header("sec-fetch-mode")) {
            (Some("cross-site"), Some("navigate")) if ask.method == "GET" => From::CrossSiteNavigation,
            (Some("cross-site"), _) => From::CrossSite,
            (_, _) => From::SameSite,
        };
        let line = self.jar().line(&ask.target, self.https(), from, self.clock.now());
        let ask = match line {
            Some(line) => ask.and("cookie", &line),
            None => ask,
        };
        (*self.door.lock().unwrap(), ask.speaking(self.speaks))
    }

    fn store(&self, headers: &http::HeaderMap) {
        let now = self.clock.now();
        for line in headers.get_all("set-cookie") {
            self.jar().take(line.to_str().unwrap(), self.https(), now);
        }
    }

    fn https(&self) -> bool {
        self.home.starts_with("https")
    }

    fn host(&self) -> &str {
        self.home.split_once("://").unwrap().1
    }
}
