//! The pages in English. What happened, then what to do.

use super::{Footer, Notice, Text, Words};

pub(super) const FOOTER: Footer = Footer { request: "Request", user: "User", support: "Help" };

pub(super) fn text(notice: &Notice<'_>, words: &Words<'_>) -> Text {
    let app = words.app;
    let provider = words.provider.unwrap_or("the sign-in service");
    match notice {
        Notice::SignIn => Text::new("Please sign in").says("You need to sign in to open this page.").button("Sign in"),
        Notice::Frame => Text::new("Please sign in")
            .says("You need to sign in to see this part of the page. Signing in opens in the whole window.")
            .button("Sign in"),
        Notice::FormNotKept => Text::new("Your form was not sent")
            .says(format!("You are not signed in any more, so what you entered did not reach {app}, and it is not kept here."))
            .says("Sign in in a new tab, come back to this one, return to the form with your browser's Back button, and send it again.")
            .button("Sign in in a new tab"),
        Notice::SessionLost => Text::new("Your sign-in is lost each time")
            .says(format!("You were signed in several times just now, but this browser does not keep the cookie that says so, and {app} cannot open without it."))
            .says("Allow cookies for this site, delete those that it has already, or use another browser; then try again.")
            .button("Try again"),
        Notice::NoNavigation => Text::new("Open this address in a window")
            .says("A sign-in starts only when a person opens this address in a browser window."),

        Notice::SignedOut => Text::new("You are signed out")
            .says(format!("You have signed out of {app}."))
            .says(format!("You may still be signed in at {provider}. On a device that you share, sign out there too."))
            .button("Sign in again"),
        Notice::AskSignOut => Text::new("Sign out?")
            .says(format!("A page of another site asks to sign you out of {app}. Nothing has happened yet."))
            .button("Sign out")
            .other("Stay signed in"),
        Notice::GoOn => Text::new("You are signed in")
            .says("You will be taken on in a moment. If nothing happens, use the button.")
            .button("Go on"),

        Notice::ConsentRefused => Text::new("You were not signed in")
            .says(format!("Access was not allowed at {provider}, so you are not signed in."))
            .says("If you did not mean that, try again.")
            .button("Try again"),
        Notice::ProviderRefused { .. } => Text::new("The sign-in was refused")
            .says(format!("You are not signed in. This is what {provider} said:"))
            .button("Try again"),
        Notice::BadAnswer => Text::new("This sign-in cannot be finished")
            .says(format!("What came back from {provider} is not complete. Please start again."))
            .button("Start again"),
        Notice::StaleAnswer => Text::new("This sign-in is over")
            .says("A sign-in can be finished once, and within ten minutes. Please start again.")
            .button("Start again"),
        Notice::ForeignAnswer => Text::new("This sign-in cannot be finished")
            .says("It was not started here. If you followed a link that somebody gave you, do not use it again.")
            .button("Start again"),
        Notice::OtherBrowser => Text::new("You came back in another browser")
            .says("The sign-in was started in one browser or app and came back in this one, so it cannot be finished here.")
            .says("Go back to where you started, or start again here and stay in this browser.")
            .button("Start again here"),
        Notice::NoCookies => Text::new("Your cookies did not come back")
            .says("A sign-in needs a cookie, and the one it was given is missing: this browser blocks cookies, or you came back in another browser than the one you started in.")
            .says("Allow cookies for this site, or go back to the browser you started in, and try again.")
            .button("Start again"),
        Notice::CodeRefused => Text::new("This sign-in cannot be finished")
            .says(format!("It was used already, or it took too long: {provider} does not accept it. Please start again."))
            .button("Start again"),
        Notice::ProviderUnreachable => Text::new("Signing in is not possible right now")
            .says(format!("There is no connection to {provider}. Nothing is wrong with your account: please try again in a moment."))
            .button("Try again"),
        Notice::ProviderBroken => Text::new("The sign-in did not work")
            .says(format!("The answer from {provider} cannot be used. That is not your fault: please try again in a moment."))
            .button("Try again"),
        Notice::ClientRefused => Text::new("Signing in is not set up correctly")
            .says(format!("This site is not accepted at {provider}. Only those who run {app} can mend that: please tell them the request below.")),
        Notice::TooManySignIns => Text::new("Too many people are signing in")
            .says("Please wait a moment, then try again.")
            .button("Try again"),
        Notice::SessionTooLarge => Text::new("Your sign-in is too large to keep")
            .says(format!("More came from {provider} than fits into the cookies of this site."))
            .says(format!("Those who run {app} can mend that: with a higher session.cookie_budget, or with a shared store for sessions (session.store), where their version has one.")),
        Notice::Unnamed => Text::new("It is not clear who you are")
            .says(format!("You could be signed in, but {provider} did not give a name for you that {app} can use."))
            .says("Please tell those who run it the request below."),

        Notice::SignInTooWeak => Text::new("This page needs another sign-in")
            .says(format!("It opens only to those who have just signed in, or in a stronger way, and {provider} did not ask you to."))
            .says("Try again; if it stays, tell those who run it the request below.")
            .button("Try again"),

        Notice::SignInTooOld => Text::new("Please sign in once more")
            .says("You are signed in, but it is too long ago for this page.")
            .button("Sign in again"),
        Notice::StrongerSignIn => Text::new("This page needs a stronger sign-in")
            .says("You are signed in, but this page opens only to those who signed in in another way.")
            .button("Sign in again"),
        Notice::FrameAgain => Text::new("Please sign in once more")
            .says("You are signed in, but this part of the page needs a fresh or a stronger sign-in. Signing in opens in the whole window.")
            .button("Sign in again"),
        Notice::FormNeedsSignIn => Text::new("Your form was not sent")
            .says(format!("You are signed in, but what you want to do needs a fresh or a stronger sign-in. What you entered did not reach {app}, and it is not kept here."))
            .says("Sign in again in a new tab, come back to this one, return to the form with your browser's Back button, and send it again.")
            .button("Sign in in a new tab"),

        Notice::ProviderAway => Text::new("Please wait a moment")
            .says(format!("Your sign-in cannot be renewed, because there is no connection to {provider}. You are not signed out: as soon as there is one, you go on where you are."))
            .says("This page tries again by itself.")
            .button("Try now"),

        Notice::Denied => Text::new("You do not have access")
            .says(format!("This page of {app} is not open to you."))
            .says("If you need it, ask those who run it, and tell them the request below.")
            .other("To the start page"),
        Notice::WrongNetwork => Text::new("Not from where you are")
            .says(format!("This page of {app} opens only from certain networks, such as the one in the office, and you are not in one of them."))
            .says("Connect to the right network and try again. If you are in it, tell those who run it the request below.")
            .other("To the start page"),
        Notice::NotInGroup => Text::new("You are not in the right group")
            .says(format!("This page of {app} is for members of a group, or for people with a role, that you do not have at {provider}."))
            .says("If you need it, ask those who run it, and tell them the request below. If you were given it just now, sign in again.")
            .button("Sign in again")
            .other("To the start page"),
        Notice::EmailNotAllowed => Text::new("This needs another e-mail address")
            .says(format!("This page of {app} is for people with certain e-mail addresses, and {provider} gave none for you, or one that is not among them."))
            .says("If you have another account, sign in with that one; or ask those who run it, and tell them the request below.")
            .button("Sign in again")
            .other("To the start page"),
        Notice::EmailNotVerified => Text::new("Your e-mail address is not verified")
            .says(format!("This page of {app} needs a verified e-mail address, and {provider} says that yours is not verified."))
            .says("Verify it there, then sign in again.")
            .button("Sign in again")
            .other("To the start page"),
        Notice::ClaimNotMet => Text::new("You do not have access")
            .says(format!("What {provider} says about you is not what this page of {app} needs."))
            .says("If you need it, ask those who run it, and tell them the request below. If something about you has changed just now, sign in again.")
            .button("Sign in again")
            .other("To the start page"),
        Notice::TokenNotTaken => Text::new("The access token is not taken")
            .says("It is expired, revoked, or not for this application."),
        Notice::TokenUnclear => Text::new("It is not clear which access token is meant")
            .says("Send one Authorization header, with Bearer and one token."),
        Notice::ScopeNeeded => Text::new("The access token does not reach as far as this")
            .says("It was given with less scope than is needed here."),
        Notice::TooManyTokens => Text::new("Too many access tokens at once")
            .says("More tokens than can be checked have come in the last minute. Please try again in a moment."),
        Notice::ForeignOrigin => Text::new("Not from there").says(format!("The Origin of this request is not allowed to connect to {app}.")),
        Notice::OriginalUnknown => Text::new("It is not clear what was asked for")
            .says("The proxy in front did not say which page this is about. Those who run it find the reason in the log, by the request below."),
        Notice::UnknownParameter => Text::new("This request cannot be understood").says("It has a parameter that is not known here."),
        Notice::AmbiguousPath => Text::new("This address can be read in two ways")
            .says("So it is not clear what may be opened. Check the link, or begin at the start page.")
            .other("To the start page"),
        Notice::NotFound => Text::new("There is nothing here")
            .says("This address does not exist. Check the link, or begin at the start page.")
            .other("To the start page"),
        Notice::MethodNotAllowed => Text::new("That does not work here").says("This address cannot be used in that way."),
        Notice::Misdirected { address } => Text::new(format!("{app} is at another address"))
            .says("Nothing is served under the name that you asked for. The right address is:")
            .button((*address).to_owned()),

        Notice::ApplicationDown => Text::new(format!("{app} does not answer"))
            .says("It may be starting, or being updated. You did nothing wrong: please try again in a moment.")
            .button("Try again"),
        Notice::ApplicationSlow => Text::new(format!("{app} takes too long"))
            .says("There was no answer in time. If you sent something, it may have arrived all the same.")
            .button("Try again"),
        Notice::ApplicationBroken => Text::new(format!("{app} broke off"))
            .says("Its answer cannot be used. If you sent something, it may have arrived all the same.")
            .button("Try again"),

        Notice::BadRequest => Text::new("This request cannot be understood")
            .says("Your browser, or something between it and this site, sent a request that is not valid."),
        Notice::BodySlow => Text::new("What you sent did not arrive whole")
            .says("It began, and did not go on in time. Please try again."),
        Notice::BodyTooLarge => Text::new("That is too large").says("What you sent is larger than this site takes."),
        Notice::NotSupported => Text::new("That does not work here").says("The request asks for something that this site does not do."),
        Notice::Broken => Text::new("Something went wrong here")
            .says("That is not your fault. Please try again; if it stays, tell those who run it the request below."),
    }
}
