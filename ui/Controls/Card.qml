import QtQuick
import EdgeChat.Theme

Rectangle {
    radius: Theme.radiusCard
    color: Theme.card
    border.width: 1
    border.color: Theme.border
}
