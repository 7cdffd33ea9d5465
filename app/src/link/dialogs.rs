//! Detects whether the system can show file dialogs. On Linux and similar systems, they need the desktop portal or zenity.
//! Without either, `rfd` reports the same as for a cancelled dialog, except for a line in the log.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Service file of the desktop portal, which starts it on the session bus.
const PORTAL: &str = "dbus-1/services/org.freedesktop.portal.Desktop.service";

/// Why no dialog can be shown; `None` if one can.
pub fn lack() -> Option<String> {
    let desktops_own = cfg!(any(target_os = "macos", target_os = "windows"));
    (!desktops_own).then(|| lack_of(|name| std::env::var_os(name), Path::is_file)).flatten()
}

/// Like `lack`, with the environment variables and files passed in.
fn lack_of(variable: impl Fn(&str) -> Option<OsString>, is_file: impl Fn(&Path) -> bool) -> Option<String> {
    let any = |paths: &str, name: &str, unless_set: &str| {
        let paths = variable(paths).filter(|paths| !paths.is_empty()).unwrap_or_else(|| unless_set.into());
        std::env::split_paths(&paths).any(|folder| is_file(&folder.join(name)))
    };
    let bus = variable("DBUS_SESSION_BUS_ADDRESS").is_some_and(|address| !address.is_empty())
        || variable("XDG_RUNTIME_DIR").is_some_and(|folder| PathBuf::from(folder).join("bus").exists());
    // A sandboxed program uses the portal of the host system.
    let portal = is_file(Path::new("/.flatpak-info"))
        || bus && any("XDG_DATA_DIRS", PORTAL, "/usr/local/share:/usr/share");
    let zenity = any("PATH", "zenity", "/usr/bin");
    (!portal && !zenity).then(|| {
        "This system has no file dialog: install a desktop portal (xdg-desktop-portal) or zenity".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_portal_or_zenity_shows_dialogs_and_a_system_without_both_says_so() {
        let variables = |bus: &'static str| {
            move |name: &str| match name {
                "DBUS_SESSION_BUS_ADDRESS" => Some(OsString::from(bus)),
                "PATH" => Some("/bin:/opt/tools".into()),
                _ => None,
            }
        };
        let portal = Path::new("/usr/share").join(PORTAL);
        assert_eq!(lack_of(variables("unix:path=/bus"), |path| path == portal), None);
        assert!(lack_of(variables(""), |path| path == portal).is_some(), "no bus leads to the portal");
        assert_eq!(lack_of(variables(""), |path| path == Path::new("/opt/tools/zenity")), None);
        let lack = lack_of(variables("unix:path=/bus"), |_| false);
        assert!(lack.is_some_and(|lack| lack.contains("zenity")));
    }
}
