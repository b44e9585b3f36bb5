#include "app/telemetry/answer_energy.h"

#include <QTest>

#include <cmath>

using namespace edgechat::app;

class AnswerEnergyTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void levelPowerTimesTime() {
        AnswerEnergy energy;
        energy.begin(100);
        for (int i = 1; i <= 8; ++i) energy.add(100 + 0.5 * i, 12);
        QCOMPARE(energy.end(104.25), 51.0);  // 12 W for 4.25 s
    }

    void powerRunsStraightBetweenMeasurements() {
        AnswerEnergy energy;
        energy.begin(0);
        energy.add(1, 10);                // 10 J until here
        energy.add(2, 20);                // 15 J more
        energy.add(2.5, 0);               // 5 J more
        QCOMPARE(energy.end(3.5), 30.0);  // level at 0 W
    }

    void oneMeasurementIsEnoughForAShortAnswer() {
        AnswerEnergy energy;
        energy.begin(5);
        energy.add(5.25, 8);
        QCOMPARE(energy.end(5.5), 4.0);
        energy.begin(6);
        energy.add(6, 8);
        energy.add(6, 9);
        QCOMPARE(energy.end(7), 9.0);
    }

    void unknownWithoutMeasurements() {
        AnswerEnergy energy;
        QVERIFY(std::isnan(energy.end(1)));
        energy.begin(0);
        QVERIFY(std::isnan(energy.end(1)));
        energy.begin(0);
        energy.add(0.5, AnswerEnergy::kUnknown);
        QVERIFY(std::isnan(energy.end(1)));
        energy.begin(0);
        energy.add(0.5, 3);
        QCOMPARE(energy.end(1), 3.0);
        QVERIFY(std::isnan(energy.end(2)));  // ended already
    }

    void unknownBehindAGap() {
        const double gap = AnswerEnergy::kLongestGap;
        AnswerEnergy energy;
        energy.begin(0);
        energy.add(gap, 4);
        energy.add(2 * gap, 4);
        QCOMPARE(energy.end(3 * gap), 3 * gap * 4);
        for (int late = 0; late < 3; ++late) {  // the first, the second, the end
            energy.begin(0);
            double time = 0;
            for (int i = 0; i < 2; ++i) energy.add(time += late == i ? gap + 0.1 : 1, 4);
            QVERIFY(std::isnan(energy.end(time + (late == 2 ? gap + 0.1 : 1))));
        }
        // A sensor that fails once is bridged, one that stays away is not.
        energy.begin(0);
        energy.add(1, 4);
        energy.add(1.5, AnswerEnergy::kUnknown);
        energy.add(2, 4);
        QCOMPARE(energy.end(2), 8.0);
        energy.begin(0);
        energy.add(1, 4);
        for (double time = 1.5; time < 5; time += 0.5) energy.add(time, AnswerEnergy::kUnknown);
        QVERIFY(std::isnan(energy.end(5)));
    }

    void whatWasMeasuredOutsideDoesNotCount() {
        AnswerEnergy energy;
        energy.add(1, 1000);
        energy.begin(2);
        energy.add(1.9, 1000);  // was on its way when the answer began
        energy.add(3, 5);
        QCOMPARE(energy.end(4), 10.0);
        energy.add(5, 1000);
        energy.begin(6);
        energy.add(7, 1);
        QCOMPARE(energy.end(8), 2.0);
    }

    void perToken() {
        QCOMPARE(energyPerToken(50, 20), 2.5);
        QVERIFY(std::isnan(energyPerToken(50, 0)));
        QVERIFY(std::isnan(energyPerToken(AnswerEnergy::kUnknown, 20)));
    }
};

QTEST_GUILESS_MAIN(AnswerEnergyTest)
#include "answer_energy_test.moc"
