//! Mutant: a bug that is put into the protocol of the model, one at a time. Each is a switch and
//! nothing more; where it bites is said in the steps.

/// What is done wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Mutant {
    NoLockAtClaim,
    NoLockAtRenew,
    NoLockAtRelease,
    HealingReadsFilesFirst,
    OverlapBeforeLock,
    PartialAcquire,
    CorruptIsFree,
    StealWithoutBump,
    GenerationFromFile,
    GenerationFromLedger,
    LedgerBeforeFiles,
    ResetAtRelease,
    FileBeforeTombstone,
    ReleaseWithoutNonce,
    RenewWithoutNonce,
    RenewRecreates,
    LostAckIsDone,
    LedgerWithoutCompare,
    EqualGenerationReplaces,
    WorkBeforeLedger,
    WorkWithoutFile,
    NoteOfTheFile,
    SessionBesidePredecessor,
    VerdictIgnoresGeneration,
    VerdictBeforeRefLock,
}

impl Mutant {
    /// Each with what is done wrong.
    pub(crate) const ALL: [(Self, &str); 25] = [
        (Self::NoLockAtClaim, "a claim is taken without the table lock"),
        (Self::NoLockAtRenew, "a renewal reads and writes without the table lock"),
        (Self::NoLockAtRelease, "a release reads and removes without the table lock"),
        (Self::HealingReadsFilesFirst, "the files that the ledger is compared with are the older"),
        (Self::OverlapBeforeLock, "overlap is checked before the table lock is held"),
        (Self::PartialAcquire, "a claim takes the paths that are free"),
        (Self::CorruptIsFree, "a corrupt claim file holds nothing"),
        (Self::StealWithoutBump, "a takeover keeps the generation"),
        (Self::GenerationFromFile, "a generation is chosen by the file alone"),
        (Self::GenerationFromLedger, "a generation is chosen by the ledger alone"),
        (Self::LedgerBeforeFiles, "the ledger is read before the files"),
        (Self::ResetAtRelease, "a release removes the entry of the ledger"),
        (Self::FileBeforeTombstone, "a release removes the file before the tombstone is recorded"),
        (Self::ReleaseWithoutNonce, "a release does not look whose claim it ends"),
        (Self::RenewWithoutNonce, "a renewal does not look whose claim it renews"),
        (Self::RenewRecreates, "a renewal makes a claim anew that is gone"),
        (Self::LostAckIsDone, "a commit without an answer is taken for done"),
        (Self::LedgerWithoutCompare, "the ledger is set without compare-and-swap"),
        (Self::EqualGenerationReplaces, "another nonce of the same generation replaces the first"),
        (Self::WorkBeforeLedger, "work begins before the ledger has the claim"),
        (Self::WorkWithoutFile, "work begins although the claim file is another's by now"),
        (Self::NoteOfTheFile, "the generation that is noted is read from the file"),
        (Self::SessionBesidePredecessor, "a worker starts beside one of an earlier claim"),
        (Self::VerdictIgnoresGeneration, "the verdict does not compare generations"),
        (Self::VerdictBeforeRefLock, "the verdict is given before git holds the branch"),
    ];
}
