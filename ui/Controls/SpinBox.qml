import QtQuick
import QtQuick.Templates as T
import EdgeChat.Theme

T.SpinBox {
    id: control

    property string label
    property string zeroText // shown instead of 0 when set

    implicitWidth: 148
    implicitHeight: Theme.controlHeight
    leftPadding: 36
    rightPadding: 36
    editable: true
    font.pixelSize: Theme.fontBase
    Accessible.role: Accessible.SpinBox
    Accessible.name: label
    inputMethodHints: Qt.ImhDigitsOnly
    validator: RegularExpressionValidator { regularExpression: control.zeroText.length > 0 ? /[0-9]*|\D*/ : /-?[0-9]*/ }

    textFromValue: function(value, locale) {
        return value === 0 && control.zeroText.length > 0 ? control.zeroText : String(value);
    }
    valueFromText: function(text, locale) {
        const number = parseInt(text.replace(/\D/g, ""), 10);
        return isNaN(number) ? 0 : number;
    }

    contentItem: TextInput {
        text: control.displayText
        font: control.font
        color: Theme.text
        selectionColor: Theme.selection
        selectedTextColor: Theme.text
        selectByMouse: true
        horizontalAlignment: Qt.AlignHCenter
        verticalAlignment: Qt.AlignVCenter
        readOnly: !control.editable
        validator: control.validator
        inputMethodHints: control.inputMethodHints
        Accessible.role: Accessible.EditableText
        Accessible.name: control.label
    }

    component Step: Item {
        id: step
        property string sign
        property bool hot: false
        property bool usable: true
        implicitWidth: 32
        implicitHeight: control.height
        Rectangle {
            anchors.fill: parent
            anchors.margins: 3
            radius: 4
            color: step.hot && step.usable ? Theme.hover : "transparent"
        }
        Text {
            anchors.centerIn: parent
            text: step.sign
            font.pixelSize: Theme.fontMessage
            color: step.usable ? Theme.text : Theme.disabled
            Accessible.ignored: true
        }
    }

    down.indicator: Step {
        x: control.mirrored ? control.width - width : 0
        sign: "\u2212"
        hot: control.down.hovered
        usable: control.value > control.from
    }
    up.indicator: Step {
        x: control.mirrored ? 0 : control.width - width
        sign: "+"
        hot: control.up.hovered
        usable: control.value < control.to
    }

    background: Rectangle {
        radius: Theme.radiusControl
        color: Theme.card
        border.width: control.activeFocus ? 2 : 1
        border.color: control.activeFocus ? Theme.accent : Theme.outline
    }
}
