//! Who a person is to us: a name that a claim can bear. It never looks at more than git's own
//! settings and the environment.

use crate::api::name::{NAME_MAX, Seat, WorkerName};
use crate::client::{Client, Error};

impl Client {
    /// Returns the person that a command is for: the one that is named, else the one that git's
    /// `user.name` names, else `$USER`.
    ///
    /// # Errors
    /// When none of them can be made a name.
    pub async fn person(&self, named: Option<&str>) -> Result<Seat, Error> {
        if let Some(named) = named {
            return given(named).ok_or_else(|| Error::Refused {
                what: format!("`{named}` is not a name that a claim can bear"),
                help: "use a-z, 0-9 and `-`, as in ada".to_owned(),
            });
        }
        let name = self.repository.config_get("user.name").await?;
        let user = self.environment.variables.get("USER");
        let found = name.iter().chain(user).find_map(|text| person_called(text));
        found.ok_or_else(|| Error::Refused {
            what: "nobody can tell who you are: neither git's user.name nor $USER is a name"
                .to_owned(),
            help: "say it: --as ada; or: git config user.name Ada".to_owned(),
        })
    }
}

/// Reads a seat, or the name of a person, who has one.
fn given(text: &str) -> Option<Seat> {
    let seat = Seat::try_from(text.to_owned()).ok().filter(|seat| seat.replica > 0);
    seat.or_else(|| Some(Seat { worker: text.parse().ok()?, replica: 1 }))
}

/// Makes a name of what people call themselves: `Ada Lovelace` is `ada-lovelace`. Returns nothing when
/// that cannot be done.
pub fn person_called(text: &str) -> Option<Seat> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let name = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    // A number at its end belongs to the name: a seat has its own.
    let name = name.get(..name.len().min(NAME_MAX))?.trim_end_matches('-');
    let worker: WorkerName = name.parse().ok()?;
    Some(Seat { worker, replica: 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_called_as_they_say_or_as_near_as_a_name_can_be() {
        let word = |seat: Option<Seat>| seat.map(|seat| seat.to_string());
        assert_eq!(word(given("ada")).unwrap(), "ada-1");
        assert_eq!(word(given("ada-2")).unwrap(), "ada-2");
        assert_eq!(word(given("Ada L")), None);
        assert_eq!(word(given("ada-0")).unwrap(), "ada-0-1");
        assert_eq!(word(person_called("Ada  King, Countess")).unwrap(), "ada-king-countess-1");
        assert_eq!(word(person_called("agent 7")).unwrap(), "agent-7-1");
        assert_eq!(word(person_called("李")), None);
        let long = word(person_called(&"ab ".repeat(40))).unwrap();
        assert!(long.len() <= NAME_MAX + 2 && long.ends_with("b-1"), "{long}");
    }
}
