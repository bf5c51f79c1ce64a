//! Lock files with anything in them: one is understood whole, or it is not understood; what is
//! understood is written and read back as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reconciler::api::claim::Claim;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(claim) = serde_json::from_slice::<Claim>(bytes) {
        let written = serde_json::to_vec(&claim).unwrap();
        assert_eq!(serde_json::from_slice::<Claim>(&written).unwrap(), claim);
    }
});
