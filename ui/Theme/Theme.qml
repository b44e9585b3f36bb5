pragma Singleton

import QtQuick

// Every colour, size and duration of the window. The window sets the first three; all else follows.
QtObject {
    id: theme

    property bool dark: false
    property real textScale: 1.0
    property bool reducedMotion: false

    // Surfaces
    readonly property color window: dark ? "#16181C" : "#FFFFFF"
    readonly property color sidebar: dark ? "#1C1F24" : "#F5F6F8"
    readonly property color card: dark ? "#21252B" : "#FFFFFF"
    readonly property color border: dark ? "#2C3138" : "#E2E5EA"
    readonly property color hover: dark ? "#272C33" : "#EDEFF3"
    readonly property color selected: dark ? "#24344F" : "#E3ECFD"
    readonly property color userMessage: dark ? "#22304A" : "#EEF3FE"
    readonly property color codeBlock: dark ? "#1A1D22" : "#F4F5F8"
    readonly property color inlineCode: dark ? "#2A2F37" : "#ECEEF2"
    readonly property color scrim: dark ? "#99000000" : "#59000000"
    readonly property color shadow: dark ? "#66000000" : "#24101828"

    // Text
    readonly property color text: dark ? "#E7E9EC" : "#1B1E23"
    readonly property color secondary: dark ? "#A2ABB7" : "#59616D"
    readonly property color disabled: dark ? "#616A76" : "#9BA3AE"
    readonly property color accent: dark ? "#7AA7FF" : "#2563EB"
    readonly property color accentHover: dark ? "#96B9FF" : "#1D55D0"
    readonly property color accentInk: dark ? "#0E1320" : "#FFFFFF"
    readonly property color selection: dark ? "#3A5688" : "#BFD4FE"

    // Lines that carry meaning (fields, switches, meters): 3:1 against the surfaces they stand on
    readonly property color outline: dark ? "#737D8B" : "#7F8792"

    readonly property color good: dark ? "#4CC38A" : "#1A7F4B"
    readonly property color warning: dark ? "#E2A33B" : "#A15C00"
    readonly property color danger: dark ? "#FF7B72" : "#C0312B"
    readonly property color warningSurface: dark ? "#2E271A" : "#FDF6E9"
    readonly property color dangerSurface: dark ? "#33211F" : "#FDF0EF"

    // Code colours: 4.5:1 on `codeBlock`
    readonly property color codeKeyword: dark ? "#C4A5FF" : "#6D3BC7"
    readonly property color codeString: dark ? "#8FD19E" : "#17693E"
    readonly property color codeComment: dark ? "#8E97A3" : "#616975"
    readonly property color codeNumber: dark ? "#F0B070" : "#974A00"
    readonly property color codeName: dark ? "#7FC4F5" : "#0B5E9E"

    // Sizes in px
    readonly property int fontSmall: Math.round(12 * textScale)
    readonly property int fontBase: Math.round(13 * textScale)
    readonly property int fontMessage: Math.round(15 * textScale)
    readonly property int fontHeading: Math.round(18 * textScale)
    readonly property int fontTitle: Math.round(22 * textScale)
    readonly property int fontCode: Math.round(13.5 * textScale)
    readonly property string monoFamily: "monospace"
    // Lines of messages are 1.5 times the font's size apart. Rich text measures in the font's own line spacing.
    readonly property int lineHeightPercent: Math.round(100 * 1.5 * fontMessage / Math.max(1, messageMetrics.lineSpacing))
    readonly property FontMetrics messageMetrics: FontMetrics {
        font.pixelSize: theme.fontMessage
    }

    readonly property int space1: 4
    readonly property int space2: 8
    readonly property int space3: 12
    readonly property int space4: 16
    readonly property int space5: 24
    readonly property int space6: 32

    readonly property int radiusControl: 6
    readonly property int radiusCard: 10
    readonly property int radiusComposer: 14

    readonly property int iconSmall: Math.round(16 * Math.max(1, textScale))
    readonly property int iconNormal: Math.round(20 * Math.max(1, textScale))
    readonly property int controlHeight: Math.round(32 * Math.max(1, textScale))
    readonly property int rowHeight: Math.round(34 * Math.max(1, textScale))
    readonly property int headerHeight: Math.round(48 * Math.max(1, textScale))
    readonly property int statusHeight: Math.round(28 * Math.max(1, textScale))
    readonly property int sidebarWidth: Math.round(264 * Math.min(1.3, Math.max(1, textScale)))
    readonly property int narrowWidth: Math.round(900 * Math.min(1.3, Math.max(1, textScale)))
    readonly property int measure: Math.round(760 * Math.max(1, textScale))

    readonly property int motion: reducedMotion ? 0 : 120

    // Put before rich text: QTextDocument knows no other way to colour links and inline code.
    readonly property string richTextStyle: "<style>a { color: " + accent + "; text-decoration: underline; } "
        + "code { font-family: " + monoFamily + "; font-size: " + Math.round(fontMessage * 0.9) + "px; background-color: " + inlineCode + "; } "
        + "p { margin: 0; line-height: " + lineHeightPercent + "%; }</style>"

    // What there is to say, in one line
    function joined(parts: var): string {
        return parts.filter(part => part.length > 0).join("  \u00B7  ");
    }

    // Thousands are grouped and nothing follows the decimal point: "1,280"
    function count(value: real): string {
        return Number(value).toLocaleString(Qt.locale(), "f", 0);
    }

    // Tokens per second: one decimal place below 10
    function rate(value: real): string {
        return Number(value).toLocaleString(Qt.locale(), "f", value < 10 ? 1 : 0);
    }

    function bytes(value: real): string {
        if (value >= 1e9)
            return qsTr("%1 GB").arg(Number(value / 1e9).toLocaleString(Qt.locale(), "f", 1));
        return qsTr("%1 MB").arg(Number(value / 1e6).toLocaleString(Qt.locale(), "f", 0));
    }

    // Three figures, as far as they go: "0.42", "12.3"
    function joules(value: real): string {
        return Number(value).toLocaleString(Qt.locale(), "f", value < 10 ? 2 : value < 100 ? 1 : 0);
    }

    function seconds(value: real): string {
        if (value < 1)
            return qsTr("%1 ms").arg(Math.max(1, Math.round(value * 1000)));
        if (value < 10)
            return qsTr("%1 s").arg(Number(value).toLocaleString(Qt.locale(), "f", 1));
        return qsTr("%1 s").arg(Number(value).toLocaleString(Qt.locale(), "f", 0));
    }
}
