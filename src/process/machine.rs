//! The machine: how busy it is and how much memory is free, as the kernel says (see proc(5)). It
//! decides nothing.

use std::fs;
use std::io;
use std::num::NonZero;

/// Returns how many programs wanted to run over the last minute, in percent of the processors.
///
/// # Errors
/// When the kernel does not say.
pub fn load_percent() -> io::Result<u32> {
    let text = fs::read_to_string("/proc/loadavg")?;
    let hundredths = hundredths(&text).ok_or_else(|| unreadable("/proc/loadavg"))?;
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let percent = hundredths / u64::try_from(processors).unwrap_or(1);
    Ok(u32::try_from(percent).unwrap_or(u32::MAX))
}

/// Returns how much memory programs could take without swapping, in megabytes of 2^20 bytes.
///
/// # Errors
/// When the kernel does not say.
pub fn free_memory_megabytes() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/meminfo")?;
    available(&text).ok_or_else(|| unreadable("/proc/meminfo"))
}

/// Returns the first number of a load average, in hundredths.
fn hundredths(text: &str) -> Option<u64> {
    let (whole, part) = text.split_whitespace().next()?.split_once('.')?;
    Some(whole.parse::<u64>().ok()? * 100 + part.get(..2)?.parse::<u64>().ok()?)
}

fn available(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes / 1024)
}

fn unreadable(file: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{file} says something else than expected"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says_is_read() {
        assert_eq!(hundredths("12.34 5.24 6.25 3/512 9876\n"), Some(1234));
        assert_eq!(hundredths("nothing"), None);
        let text = "MemTotal: 8000 kB\nMemFree: 10 kB\nMemAvailable:   4194304 kB\n";
        assert_eq!(available(text), Some(4096));
        assert_eq!(available("MemTotal: 8000 kB\n"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_machine_says_how_busy_it_is() {
        load_percent().unwrap();
        assert!(free_memory_megabytes().unwrap() > 0);
    }
}
