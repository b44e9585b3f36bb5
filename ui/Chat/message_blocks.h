#pragma once

#include <QtQml/qqmlregistration.h>
#include <QAbstractListModel>

#include <vector>

#include "ui/Chat/markdown_parser.h"
#include "ui/Chat/markdown_segments.h"

namespace edgechat::ui {

/// The blocks of one message, kept up to date while its Markdown grows: rows that are closed do not change
/// any more, only the open tail is parsed and laid out again. When streaming ends the whole is parsed once
/// more (link definitions may stand below their use), and only rows that differ are touched.
class MessageBlocks : public QAbstractListModel {
    Q_OBJECT
    QML_ELEMENT
    Q_PROPERTY(QString source READ source WRITE setSource NOTIFY sourceChanged FINAL)
    Q_PROPERTY(bool streaming READ streaming WRITE setStreaming NOTIFY streamingChanged FINAL)
    Q_PROPERTY(int count READ count NOTIFY countChanged FINAL)

  public:
    enum Kind {
        Paragraph = MarkdownBlock::Paragraph,
        Heading = MarkdownBlock::Heading,
        Code = MarkdownBlock::Code,
        Table = MarkdownBlock::Table,
        Rule = MarkdownBlock::Rule
    };
    Q_ENUM(Kind)
    enum DataRole {
        KindRole = Qt::UserRole + 1,
        TextRole,
        LanguageRole,
        MarkerRole,
        LevelRole,
        CheckRole,
        IndentRole,
        QuoteDepthRole,
        QuoteIndentRole,
        ColumnsRole,
        CellsRole,
        AlignmentsRole,
        ContinuesRole,
        ClosedRole
    };

    explicit MessageBlocks(QObject* parent = nullptr);

    int rowCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QHash<int, QByteArray> roleNames() const override;

    QString source() const { return m_source; }
    void setSource(const QString& source);
    bool streaming() const { return m_streaming; }
    void setStreaming(bool streaming);
    int count() const { return static_cast<int>(m_rows.size()); }
    const std::vector<MarkdownBlock>& blocks() const { return m_rows; }

  Q_SIGNALS:
    void sourceChanged();
    void streamingChanged();
    void countChanged();

  private:
    std::vector<MarkdownBlock> takeNewRows(size_t& closed);
    void grow();
    void parseAll();
    void replaceFrom(size_t first, std::vector<MarkdownBlock> rows);

    QString m_source;
    bool m_streaming = false;
    MarkdownSegmenter m_segmenter;
    std::vector<MarkdownBlock> m_rows;
    size_t m_closedRows = 0;  // rows of segments that are closed
};

}  // namespace edgechat::ui
