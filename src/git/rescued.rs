//! What rescue refs hold, for people. It reads alone.

use super::{Error, Repository};
use crate::api::name::CommitId;
use jiff::Timestamp;

/// Rescued work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rescued {
    /// Its name below the prefix.
    pub name: String,
    /// Its commit.
    pub commit: CommitId,
    /// When it was saved.
    pub at: Timestamp,
    /// The first line of its message.
    pub subject: String,
}

impl Repository {
    /// Returns the commits of all refs below a prefix that ends in `/`, by name.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub async fn rescued(&self, prefix: &str) -> Result<Vec<Rescued>, Error> {
        let format = "--format=%(objectname) %(committerdate:unix) %(refname) %(contents:subject)";
        let text = self.for_each_ref(format, &[prefix]).await?;
        let rescued = |line: &str| {
            let mut words = line.splitn(4, ' ');
            let commit = CommitId::try_from(words.next()?.to_owned()).ok()?;
            let at = Timestamp::from_second(words.next()?.parse().ok()?).ok()?;
            let name = words.next()?.strip_prefix(prefix)?.to_owned();
            Some(Rescued { name, commit, at, subject: words.next().unwrap_or("").to_owned() })
        };
        let unreadable = |line: &str| Error::unreadable(prefix, format!("`{line}`"));
        text.lines().map(|line| rescued(line).ok_or_else(|| unreadable(line))).collect()
    }

    /// Returns a commit as `git show` prints it, with a summary of its files.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn show(&self, commit: &CommitId) -> Result<Vec<u8>, Error> {
        let show = ["show", "--stat", "--patch", "--no-ext-diff", "--no-textconv", "--no-color"];
        Ok(self.read().args(show).args([commit.as_str(), "--"]).run().await?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::scratch::Scratch;

    #[tokio::test]
    async fn rescued_work_is_listed_with_its_message_and_shown_with_its_files() {
        let scratch = Scratch::new().await;
        let commit = scratch.commit(&[("saved.txt", "saved\n")]).await;
        scratch.git(&["update-ref", "refs/reconciler/rescue/login/1", "HEAD"]).await;
        let found = scratch.repository.rescued("refs/reconciler/rescue/").await.unwrap();
        let [one] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((one.name.as_str(), one.subject.as_str()), ("login/1", "more"));
        assert_eq!(one.commit, commit);
        let shown = String::from_utf8(scratch.repository.show(&commit).await.unwrap()).unwrap();
        assert!(shown.contains("saved.txt |") && shown.contains("+saved"), "{shown}");
    }
}
