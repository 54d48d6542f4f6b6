//! The way of a request: read, recognise, refresh, decide, perform, remember.

use std::cell::LazyCell;
use std::rc::Rc;
use std::sync::Arc;

use http::request::Parts;
use http::{Request, Response, header};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout};

use super::access::{self, Done};
use super::answer::{self, Asked, SessionStatus, form_at_the_door};
use super::ending::{end_of, farewell, patience};
use super::login::Begin;
use super::peer::Peer;
use super::request_id::RequestIds;
use super::site::{House, Site};
use super::visit::Visit;
use super::worker::Handler;
use crate::clock::Timestamp;
use crate::gate::action::{Errand, Form};
use crate::gate::{Action, Pass};
use crate::oidc::Secret;
use crate::upstream::{Arrived, Body, Pool};
use crate::wire::ask::origin;
use crate::wire::ask::preflight;
use crate::wire::rewrite::From;
use crate::wire::{Ask, Grpc, Head, Malformed};

/// Answers the requests of one worker.
pub struct Doorkeeper {
    house: Arc<House>,
    /// One for each application, in their order; none: forward-auth only.
    pools: Vec<Pool>,
    ids: RequestIds,
}

impl Handler for Doorkeeper {
    async fn handle(self: Rc<Self>, peer: Rc<Peer>, request: Request<Incoming>) -> Response<Body> {
        let began = Instant::now();
        let house = &*self.house;
        let site = house.site.load();
        let now = house.clock.now();
        let ask = match self.read(&site, &peer, &request) {
            Ok(ask) => ask,
            Err(malformed) => return self.refuse(&site, malformed, Head::of(&request), began),
        };

        let accept_language = request.headers().get(header::ACCEPT_LANGUAGE).cloned();
        let mut visit = Visit::recognise(house, &site, &ask, accept_language, now);
        let renewal = visit.refresh(now).await;
        visit.look_at_token(house.clock.now()).await;
        let now = house.clock.now();

        let action = site.gate.decide(&ask, visit.caller(), now);
        let mut done = Done::of(&action, &visit, began);
        let mut response = self.perform(&mut visit, action, request, &peer, &mut done, now).await;

        if let Some(renewal) = renewal {
            // A refresh that takes longer is kept for the next request.
            if let Ok(refreshed) = timeout(patience(&response), renewal).await {
                visit.take(refreshed);
            }
        }
        let now = house.clock.now();
        visit.catch_up(now);
        if done.is_activity {
            visit.touch(now);
        }
        visit.settle(now, response.headers_mut());
        answer::share(&mut response, site.gate.shared_with(ask.origin.as_ref()));
        answer::count_cookies(&mut response);
        done.note(&response);
        response
    }

    fn turn_away(&self, malformed: Malformed, head: &Parts) -> Response<Body> {
        let Parts { method, uri, headers, version, .. } = head;
        self.refuse(
            &self.house.site.load(),
            malformed,
            Head { method, uri, headers, version: *version },
            Instant::now(),
        )
    }
}

impl Doorkeeper {
    pub fn new(house: Arc<House>, pools: Vec<Pool>) -> Doorkeeper {
        Doorkeeper { house, pools, ids: RequestIds::new() }
    }

    fn read(&self, site: &Site, peer: &Peer, request: &Request<Incoming>) -> Result<Ask, Malformed> {
        let names = &site.store.settings.names;
        let mut ask = Ask::read(Head::of(request), peer.remote, &site.trust, names, || self.ids.fresh())?;
        // In HTTP/2 a body needs no field that announces it (RFC 9113 §8.1.1).
        if !request.body().is_end_stream() {
            ask.preflight = None;
        }
        // A trusted proxy asks under its own name, for whichever host.
        if !ask.trusted && peer.secured.as_ref().is_some_and(|secured| secured.is_for_another(&ask.host.name)) {
            return Err(Malformed::Misdirected);
        }
        let declared =
            request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        match (site.body_bytes, declared) {
            (Some(limit), Some(declared)) if limit < declared => Err(Malformed::BodyTooLarge),
            (Some(_) | None, Some(_) | None) => Ok(ask),
        }
    }

    /// Refused before anybody decides anything.
    fn refuse(&self, site: &Site, malformed: Malformed, head: Head<'_>, began: Instant) -> Response<Body> {
        let request_id = self.ids.fresh();
        let asked = Asked {
            form: form_at_the_door(head.headers),
            head: *head.method == http::Method::HEAD,
            language: site.voice.language.for_request(head.headers.get(header::ACCEPT_LANGUAGE)),
            request_id: &request_id,
            user: None,
            voice: &site.voice,
            places: &site.places,
            public_url: 0,
        };
        let mut response = answer::malformed(malformed, &asked);
        answer::share(&mut response, site.gate.shared_with(origin(head.headers).as_ref()));
        access::note_malformed(&self.house.metrics, site, malformed, &asked, &response, began);
        response
    }

    async fn perform(
        &self,
        visit: &mut Visit<'_>,
        action: Action,
        request: Request<Incoming>,
        peer: &Peer,
        done: &mut Done<'_>,
        now: Timestamp,
    ) -> Response<Body> {
        match action {
            Action::Forward(pass) => {
                let pass = with_tokens(visit, pass);
                self.forward(visit, &pass, request, peer, done).await
            }
            Action::Allow(pass) => {
                answer::allowed(with_tokens(visit, pass).identity(), &visit.asked(Form::ForwardAuth, None))
            }
            Action::Refuse(refusal, form) => visit.refuse(&refusal, form),
            Action::SignIn(sign_in) => visit.sign_in(&sign_in, Begin::Asked).await,
            Action::ToStart { public_url, return_to } => answer::to_start(public_url, &return_to, &visit.asked_here()),
            Action::Callback => visit.callback().await,
            Action::SignOut { public_url, return_to, onward } => visit.sign_out(public_url, &return_to, onward),
            Action::BackFromSignOut { public_url, state } => visit.back_from_sign_out(public_url, state.as_deref()),
            Action::AskSignOut { public_url, return_to } => {
                let onward = visit.house.provider.signs_out_at();
                answer::ask_sign_out(public_url, &return_to, onward.as_deref(), &visit.asked_here())
            }
            Action::SignedOut { public_url, return_to } => visit.signed_out(public_url, &return_to),
            Action::BackchannelLogout => visit.backchannel_logout(request).await,
            Action::FrontchannelLogout { iss_and_sid } => visit.frontchannel_logout(iss_and_sid),
            Action::SessionStatus => session_status(visit, now),
            Action::Preflight { allow } => {
                let wanted = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS);
                answer::preflight(allow, wanted, &visit.asked_here())
            }
            Action::UserInfo => user_info(visit),
            Action::Health => answer::health(self.house.readiness.is_ready(), visit.asked_here().head),
            Action::ToPublicUrl { public_url } => {
                answer::to_public_url(public_url, &visit.ask.target, &visit.asked_here())
            }
        }
    }

    async fn forward(
        &self,
        visit: &Visit<'_>,
        pass: &Pass,
        request: Request<Incoming>,
        peer: &Peer,
        done: &mut Done<'_>,
    ) -> Response<Body> {
        let number = pass.upstream();
        let (Some(pool), Some(application)) = (self.pools.get(number), self.house.applications.get(number)) else {
            // The gate lets nothing pass where there is nowhere to go.
            return answer::broken(&visit.asked_here());
        };
        let (mut head, body) = request.into_parts();
        match pass.errand() {
            Errand::Itself => {}
            Errand::Preflight => preflight::strip(&mut head.headers),
        }
        let from = From {
            address: peer.remote.address(),
            address_value: peer.address_value.as_ref(),
            trusted: visit.ask.trusted,
            client_certificate: peer.client_certificate(),
            request_id: &visit.ask.request_id,
        };
        let end = LazyCell::new(|| {
            // None where a token lets its client in: a sign-out ends sessions, not tokens.
            let session = visit.session().filter(|session| pass.session() == Some(session.id));
            Some(end_of(&self.house, session, pass.until()?))
        });
        // What is all there already takes no time worth an end.
        let lasts = !body.is_end_stream() || Grpc::of(&head.headers).is_some();
        let until = if lasts { LazyCell::force(&end).clone() } else { None };
        let arrived = Arrived { head, body, from, body_limit: visit.site.body_bytes, end: until };
        let sent = Instant::now();
        let answered = pool.forward(pass, arrived, &visit.site.rewrite).await;
        done.upstream = Some(sent.elapsed());
        let answered = match answered {
            Ok(answered) => answered,
            Err(error) => {
                let user = visit.shown_user();
                let response =
                    answer::upstream_failed(&error, &visit.asked(Form::of(visit.ask.wants), user.as_deref()));
                if !error.is_the_clients() {
                    application.failed(&error);
                    tracing::warn!(
                        event = "application_failed",
                        application = %application.address(),
                        reason = answer::reason(&response),
                        request_id = visit.request_id(),
                        "{error}"
                    );
                }
                return response;
            }
        };
        application.answered();
        match pass.errand() {
            Errand::Itself => {}
            Errand::Preflight => return preflight_answer(answered.response),
        }
        if let Some(tunnel) = answered.tunnel {
            peer.switch_to(tunnel, LazyCell::force(&end).clone());
            return answer::switched(answered.response);
        }
        // What may go on for ever must not outlive the session either.
        let Some(farewell) = farewell(&answered.response) else { return answered.response };
        let Some(end) = LazyCell::force(&end).clone() else { return answered.response };
        answered.response.map(|body| body.ending(end, farewell))
    }
}

/// The answer to whether another request may come: a status, and to whom it is shared.
fn preflight_answer(mut response: Response<Body>) -> Response<Body> {
    preflight::strip_answer(response.headers_mut());
    *response.body_mut() = Body::Empty;
    response
}

/// Puts in the tokens that `[identity]` passes on. The token part is opened only for this.
fn with_tokens(visit: &mut Visit<'_>, mut pass: Pass) -> Pass {
    if !pass.wants_tokens() {
        return pass;
    }
    if let Some(token) = visit.token_of_client() {
        pass.carry(token, None);
    } else if let Some(tokens) = visit.tokens() {
        pass.carry(tokens.access_token.expose(), tokens.id_token.as_ref().map(Secret::expose).map(String::as_str));
    }
    pass
}

fn session_status(visit: &Visit<'_>, now: Timestamp) -> Response<Body> {
    let asked = visit.asked(Form::Data, None);
    let Some(session) = visit.session() else { return answer::session_status(None, &asked) };
    let user_hash = visit.site.keys.user_hash(&session.user);
    let left = session.left(&visit.site.store.settings.lifetimes, now);
    let status = SessionStatus { session, user_hash: Some(&user_hash), left, now };
    answer::session_status(Some(&status), &asked)
}

/// The claims that `[identity]` names, and who it is.
fn user_info(visit: &Visit<'_>) -> Response<Body> {
    let identity = &visit.site.gate.settings.identity;
    let mut claims = serde_json::Map::new();
    if let Some(session) = visit.session() {
        claims = session.claims.to_json();
        claims.retain(|path, _| identity.names_claim(path));
        claims.insert(identity.user_claim.clone(), session.user.as_str().into());
    }
    answer::user_info(claims, &visit.asked(Form::Data, None))
}
