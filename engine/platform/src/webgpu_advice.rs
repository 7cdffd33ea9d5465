//! Instructions for enabling WebGPU in each browser, shown if the CPU has to be used.

/// Advice for a browser with the user agent `agent`. `secure`: the page was loaded over https or from this machine; `offered`:
/// the browser has WebGPU but offers no adapter.
pub(super) fn advice(agent: &str, secure: bool, offered: bool) -> String {
    const CPU: &str = "so the CPU is used";
    if !secure {
        return format!(
            "browsers allow WebGPU only on https pages and localhost, {CPU}: open the page at its https address"
        );
    }
    let missing = if offered {
        format!("this browser supports WebGPU but found no graphics adapter, {CPU}")
    } else {
        format!("this browser does not support WebGPU, {CPU}")
    };
    let phone = agent.contains("Mobile") || agent.contains("Android");
    // Edge and Opera also name Chrome, and all of them name Safari.
    let remedy = if agent.contains("Firefox/") {
        if phone {
            "Firefox Nightly supports it: set dom.webgpu.enabled in about:config"
        } else {
            "Firefox supports it from 141 on Windows and 145 on macOS; elsewhere set dom.webgpu.enabled to true in about:config and start \
             the browser again"
        }
    } else if agent.contains("Edg/") {
        "in Edge, switch on \"Use graphics acceleration when available\" in Settings, System, and start it again; edge://gpu lists \
         disabled features"
    } else if agent.contains("Chrome/") && phone {
        "Chrome supports it from 121 on Android 12 and newer; chrome://gpu lists disabled features"
    } else if agent.contains("Chrome/") && agent.contains("Linux") {
        "in Chrome on Linux, switch on chrome://flags/#enable-unsafe-webgpu and chrome://flags/#enable-vulkan and start it again; \
         chrome://gpu lists disabled features"
    } else if agent.contains("Chrome/") {
        "in Chrome, switch on \"Use graphics acceleration when available\" in Settings, System, and start it again; chrome://gpu lists \
         disabled features"
    } else if agent.contains("Safari/") {
        "Safari supports it from 26 on; in older versions, switch it on in Settings, Advanced, Feature Flags, WebGPU"
    } else {
        "Chrome and Edge support it from 113, Safari from 26, Firefox from 141"
    };
    format!("{missing}; {remedy}")
}

#[cfg(test)]
mod tests {
    use super::advice;

    #[test]
    fn each_browser_gets_its_own_line() {
        let cases = [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "about:config"),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
                "enable-vulkan",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
                "chrome://gpu",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
                "edge://gpu",
            ),
            (
                "Mozilla/5.0 (Linux; Android 11; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
                "Android 12",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Safari/605.1.15",
                "Feature Flags",
            ),
            ("Servo/1.0", "Safari from 26"),
        ];
        for (agent, words) in cases {
            let line = advice(agent, true, false);
            assert!(
                line.starts_with("this browser does not support WebGPU") && line.contains(words),
                "{agent}: {line}"
            );
        }
        assert!(advice("", true, true).contains("found no graphics adapter"));
        assert!(advice("", false, false).contains("https"));
    }
}
