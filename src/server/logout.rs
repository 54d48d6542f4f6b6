//! Logout: the session ends here, and stays ended.

use http::Response;

use super::answer;
use super::visit::Visit;
use crate::gate::{Known, ReturnTo};
use crate::store::TokensPart;
use crate::upstream::Body;

impl Visit<'_> {
    /// Ends the session for this process, takes its cookies, and leaves the marker that keeps page loads from signing in silently.
    pub fn sign_out(&mut self, public_url: usize, return_to: &ReturnTo) -> Response<Body> {
        // As the cookies said: a provider that cannot be reached keeps nobody from leaving.
        if let Known::User(session) = &self.before.known {
            self.house.memory.sign_out(session.id, session.expires_at);
            tracing::info!(event = "signed_out", request_id = self.request_id(), user = self.shown(&session.user));
        }
        self.signed_out(public_url, return_to)
    }

    /// The signed-out page, also where a page load comes after a sign-out whose answer was lost: cookies that are left go, the marker stays.
    pub fn signed_out(&mut self, public_url: usize, return_to: &ReturnTo) -> Response<Body> {
        self.after.known = Known::Nobody;
        self.after.tokens = TokensPart::Absent;
        self.after.signed_out = true;
        self.after.returned = 0;
        answer::signed_out(public_url, return_to, &self.asked_here())
    }
}
