//! Who of a provider's users may come in.

use super::upstream::{Email, Person, is_domain};

/// The lists of one provider. Whoever is in one of them may come in; when all of them are empty, nobody may.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Admission {
    everyone: bool,
    users: Vec<String>,
    emails: Vec<String>,
    domains: Vec<String>,
    organisations: Vec<String>,
}

/// What the entries of a list are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListOf {
    /// Logins that differ in more than case.
    Logins,
    /// Values of `sub`, compared byte for byte (`OpenID` Connect Core §2).
    Subjects,
    /// E-mail addresses.
    Emails,
    /// Domains; those below them are others.
    Domains,
    /// Logins of organisations.
    Organisations,
}

/// Why a list cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdmissionError {
    /// An entry that nobody could ever match.
    #[error("\"{0}\" is no {1}")]
    Entry(String, &'static str),
    /// The lists say both "everyone" and "only these".
    #[error("* admits everyone: remove it, or every other entry of this provider's lists")]
    EveryoneAndSome,
}

impl Admission {
    /// Adds a list: entries separated by commas, or `*` for everyone. Blanks around entries do not matter.
    ///
    /// # Errors
    /// [`AdmissionError`].
    pub fn add(&mut self, kind: ListOf, text: &str) -> Result<(), AdmissionError> {
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            if entry == "*" {
                self.everyone = true;
                continue;
            }
            let read =
                kind.entry(entry).ok_or_else(|| AdmissionError::Entry(entry.to_owned(), kind.name()))?;
            self.list(kind).push(read);
        }
        let lists = [&self.users, &self.emails, &self.domains, &self.organisations];
        if self.everyone && lists.iter().any(|list| !list.is_empty()) {
            return Err(AdmissionError::EveryoneAndSome);
        }
        Ok(())
    }

    fn list(&mut self, kind: ListOf) -> &mut Vec<String> {
        match kind {
            ListOf::Logins | ListOf::Subjects => &mut self.users,
            ListOf::Emails => &mut self.emails,
            ListOf::Domains => &mut self.domains,
            ListOf::Organisations => &mut self.organisations,
        }
    }

    /// Whether `person` may come in.
    #[must_use]
    pub fn admits(&self, person: &Person) -> bool {
        let is_in = |list: &[String], value: &str| list.iter().any(|entry| entry == value);
        self.everyone
            || is_in(&self.users, &person.login)
            || person.email.as_ref().is_some_and(|email| is_in(&self.emails, email.as_str()))
            || person.domain.as_ref().is_some_and(|domain| is_in(&self.domains, domain))
            || person.organisations.iter().any(|organisation| is_in(&self.organisations, organisation))
    }

    /// Whether nobody at all may come in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it matters which organisations somebody is a member of.
    #[must_use]
    pub fn asks_for_organisations(&self) -> bool {
        !self.organisations.is_empty()
    }
}

impl ListOf {
    fn entry(self, text: &str) -> Option<String> {
        let is_login = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        let is_subject = text.len() <= 255 && text.bytes().all(|b| b.is_ascii_graphic());
        match self {
            // A number would be taken for an id by whoever wrote it, and is a login that anybody can register.
            Self::Logins if text.bytes().all(|b| b.is_ascii_digit()) => None,
            Self::Logins | Self::Organisations => is_login.then(|| text.to_ascii_lowercase()),
            Self::Subjects => is_subject.then(|| text.to_owned()),
            Self::Emails => Email::parse(text).map(|email| email.as_str().to_owned()),
            Self::Domains => is_domain(text).then(|| text.to_ascii_lowercase()),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Logins => "login",
            Self::Subjects => "subject",
            Self::Emails => "e-mail address",
            Self::Domains => "domain",
            Self::Organisations => "login of an organisation",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::user::Subject;

    fn lists(lists: &[(ListOf, &str)]) -> Result<Admission, AdmissionError> {
        let mut admission = Admission::default();
        lists.iter().try_for_each(|(kind, text)| admission.add(*kind, text))?;
        Ok(admission)
    }

    fn ada() -> Person {
        Person {
            subject: Subject::new("github", "1"),
            issuer: "https://github.com".to_owned(),
            username: "Ada".to_owned(),
            login: "ada".to_owned(),
            email: Email::parse("ada@corp.example"),
            domain: Some("corp.example".to_owned()),
            organisations: vec!["corp".to_owned()],
        }
    }

    #[test]
    fn b_08_a_number_is_no_login_because_it_would_be_taken_for_an_id() {
        assert!(lists(&[(ListOf::Logins, "583231")]).is_err());
        assert!(lists(&[(ListOf::Logins, "ada1")]).is_ok() && lists(&[(ListOf::Subjects, "583231")]).is_ok());
    }

    #[test]
    fn h_08_an_empty_list_admits_nobody_and_a_star_everyone() {
        for empty in ["", " ", ",", " , "] {
            let admission = lists(&[(ListOf::Logins, empty)]).unwrap();
            assert!(admission.is_empty() && !admission.admits(&ada()), "{empty:?}");
        }
        assert!(lists(&[(ListOf::Emails, " * ")]).unwrap().admits(&ada()));
    }

    #[test]
    fn whoever_is_in_one_of_the_lists_may_come_in() {
        let stranger =
            Person { login: "eve".to_owned(), email: None, domain: None, organisations: vec![], ..ada() };
        for (kind, text) in [
            (ListOf::Logins, "bob , ADA"),
            (ListOf::Subjects, "ada"),
            (ListOf::Emails, "Ada@Corp.example"),
            (ListOf::Domains, "other.example,CORP.example"),
            (ListOf::Organisations, "Corp"),
        ] {
            let admission = lists(&[(ListOf::Logins, "nobody"), (kind, text)]).unwrap();
            assert!(admission.admits(&ada()), "{text}");
            assert!(!admission.admits(&stranger), "{text}");
        }
    }

    #[test]
    fn b_09_what_is_almost_in_a_list_is_not_in_it() {
        for (kind, text) in [
            (ListOf::Subjects, "Ada"),
            (ListOf::Logins, "ad"),
            (ListOf::Emails, "ada+x@corp.example"),
            (ListOf::Domains, "example.com,sub.corp.example"),
            (ListOf::Organisations, "corp-2"),
        ] {
            assert!(!lists(&[(kind, text)]).unwrap().admits(&ada()), "{text}");
        }
    }

    #[test]
    fn a_list_that_contradicts_itself_or_can_match_nobody_is_a_mistake() {
        let both = [(ListOf::Logins, "*"), (ListOf::Organisations, "corp")];
        assert_eq!(lists(&both), Err(AdmissionError::EveryoneAndSome));
        assert_eq!(lists(&[(ListOf::Logins, "ada,*")]), Err(AdmissionError::EveryoneAndSome));
        for (kind, text) in [
            (ListOf::Logins, "a b"),
            (ListOf::Emails, "corp.example"),
            (ListOf::Domains, "@corp.example"),
            (ListOf::Domains, "*.corp.example"),
            (ListOf::Organisations, "https://github.com/corp"),
        ] {
            assert!(matches!(lists(&[(kind, text)]), Err(AdmissionError::Entry(..))), "{text}");
        }
    }
}
